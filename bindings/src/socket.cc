// A netlink socket: opened inside a namespace, sending and receiving as one unit.
#include <linux/netlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>

#include "shim.h"

namespace shim {
namespace {

// What a receive needs at least: the kernel fills dumps up to this size once it has seen such a buffer.
constexpr size_t kRoom = 32768;

// The table of an exchange: four words about the whole, then five for each datagram.
enum : size_t { kCount, kErrno, kFlags, kUnused, kHead };
enum : size_t { kOffset, kLength, kRealLength, kSender, kGroups, kEntry };
enum : uint32_t { kSent = 1, kTimedOut = 2, kInterrupted = 4 };

int64_t Now() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

struct Span {
  uint8_t* data = nullptr;
  size_t size = 0;
};

struct Transfer {
  Span request;
  Span buffer;
  uint32_t* table = nullptr;
  size_t words = 0;
  int timeout = -1;  // ms, negative: none
};

// Waits until the socket is ready for `events`; false when it is not, which the table's flags or errno tell.
bool Wait(int fd, int wake, short events, int64_t deadline, uint32_t* table) {
  struct pollfd fds[2] = {{fd, events, 0}, {wake, POLLIN, 0}};
  for (;;) {
    int64_t left = deadline < 0 ? -1 : std::max<int64_t>(0, deadline - Now());
    int ready = poll(fds, 2, static_cast<int>(left));
    if (ready < 0) {
      if (errno == EINTR) continue;
      table[kErrno] = errno;
      return false;
    }
    if (fds[1].revents != 0) {
      table[kFlags] |= kInterrupted;
      return false;
    }
    if (ready > 0) return true;
    table[kFlags] |= kTimedOut;
    return false;
  }
}

void Send(int fd, int wake, const Transfer& transfer, int64_t deadline) {
  struct sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  for (;;) {
    ssize_t count = sendto(fd, transfer.request.data, transfer.request.size, 0,
                           reinterpret_cast<struct sockaddr*>(&kernel), sizeof kernel);
    if (count >= 0) {
      transfer.table[kFlags] |= kSent;
      return;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      transfer.table[kErrno] = errno;
      return;
    }
    if (!Wait(fd, wake, POLLOUT, deadline, transfer.table)) return;
  }
}

// Takes what is there, without waiting, as long as there is room. False when there was nothing (left).
void Drain(int fd, const Transfer& transfer) {
  uint32_t* table = transfer.table;
  size_t used = 0;
  size_t count = 0;
  while (transfer.buffer.size - used >= kRoom && kHead + (count + 1) * kEntry <= transfer.words) {
    struct sockaddr_nl sender = {};
    struct iovec part = {transfer.buffer.data + used, transfer.buffer.size - used};
    struct msghdr message = {};
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) table[kErrno] = errno;
      break;
    }
    size_t there = std::min<size_t>(length, part.iov_len);
    uint32_t* entry = table + kHead + count * kEntry;
    entry[kOffset] = used;
    entry[kLength] = there;
    entry[kRealLength] = length;
    entry[kSender] = sender.nl_pid;
    entry[kGroups] = sender.nl_groups;
    used = (used + there + 7) & ~size_t{7};
    count++;
    if (used > transfer.buffer.size) break;
  }
  table[kCount] = count;
}

void Exchange(int fd, int wake, const Transfer& transfer) {
  int64_t deadline = transfer.timeout < 0 ? -1 : Now() + transfer.timeout;
  uint32_t* table = transfer.table;
  if (transfer.request.size > 0) {
    Send(fd, wake, transfer, deadline);
    if ((table[kFlags] & kSent) == 0) return;
  }
  if (Wait(fd, wake, POLLIN, deadline, table)) Drain(fd, transfer);
}

Failure Configure(int fd, int receive_buffer, int send_buffer) {
  int on = 1;
  for (int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    // kernels before 4.12, 4.3 and 4.20 lack them
    if (setsockopt(fd, SOL_NETLINK, option, &on, sizeof on) != 0 && errno != ENOPROTOOPT) return Failure::Of("setsockopt");
  }
  if (receive_buffer > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0 &&
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer) != 0) {
    return Failure::Of("setsockopt");
  }
  if (send_buffer > 0 && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_buffer, sizeof send_buffer) != 0 &&
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer) != 0) {
    return Failure::Of("setsockopt");
  }
  struct sockaddr_nl own = {};
  own.nl_family = AF_NETLINK;
  if (bind(fd, reinterpret_cast<struct sockaddr*>(&own), sizeof own) != 0) return Failure::Of("bind");
  return {};
}

class Socket;

// A readiness watch in the event loop. It outlives its socket until the loop has let go of it.
struct Watch {
  uv_poll_t poll;
  Socket* socket;
  napi_async_cleanup_hook_handle hook;
};

class Socket : public Napi::ObjectWrap<Socket> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("Socket", DefineClass(env, "Socket",
                                      {
                                          InstanceMethod<&Socket::SetOption>("setOption"),
                                          InstanceMethod<&Socket::GetOption>("getOption"),
                                          InstanceMethod<&Socket::ExchangeAsync>("exchange"),
                                          InstanceMethod<&Socket::ExchangeSync>("exchangeSync"),
                                          InstanceMethod<&Socket::Receive>("receive"),
                                          InstanceMethod<&Socket::Interrupt>("interrupt"),
                                          InstanceMethod<&Socket::StartReading>("startReading"),
                                          InstanceMethod<&Socket::StopReading>("stopReading"),
                                          InstanceMethod<&Socket::Ref>("ref"),
                                          InstanceMethod<&Socket::Unref>("unref"),
                                          InstanceMethod<&Socket::Close>("close"),
                                          InstanceAccessor<&Socket::Descriptor_>("fd"),
                                          InstanceAccessor<&Socket::Port>("portId"),
                                      }));
  }

  // new Socket(protocol, namespace descriptor or -1, receive buffer in bytes or 0, send buffer in bytes or 0)
  explicit Socket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Socket>(info) {
    Napi::Env env = info.Env();
    int protocol = info[0].As<Napi::Number>().Int32Value();
    int space = info[1].As<Napi::Number>().Int32Value();
    int receive_buffer = info[2].As<Napi::Number>().Int32Value();
    int send_buffer = info[3].As<Napi::Number>().Int32Value();
    auto open = [&]() -> Failure {
      fd_ = Descriptor(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
      if (!fd_.valid()) return Failure::Of("socket");
      return Configure(fd_.get(), receive_buffer, send_buffer);
    };
    Failure failure = space < 0 ? open() : InNamespace(space, open);
    if (!failure) {
      wake_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      if (!wake_.valid()) failure = Failure::Of("eventfd");
    }
    if (!failure) {
      struct sockaddr_nl own = {};
      socklen_t length = sizeof own;
      if (getsockname(fd_.get(), reinterpret_cast<struct sockaddr*>(&own), &length) != 0) failure = Failure::Of("getsockname");
      port_ = own.nl_pid;
    }
    if (failure) Throw(env, failure);
  }

  ~Socket() override { StopWatch(); }

  // Called in the event loop when the socket can be read, or has failed.
  void Readable() {
    Napi::HandleScope scope(Env());
    if (!on_readable_.IsEmpty()) on_readable_.MakeCallback(Value(), {});
  }

 private:
  class Worker : public Napi::AsyncWorker {
   public:
    Worker(Napi::Env env, Socket* socket, const Napi::CallbackInfo& info, const Transfer& transfer)
        : Napi::AsyncWorker(env, "netlink exchange"),
          deferred_(Napi::Promise::Deferred::New(env)),
          socket_(socket),
          transfer_(transfer) {
      // the arrays, and the socket itself, must live until the work is done
      Napi::Array kept = Napi::Array::New(env, 4);
      kept.Set(0u, info.This());
      for (uint32_t i = 0; i < 3; i++) kept.Set(i + 1, info[i]);
      kept_ = Napi::Persistent(kept.As<Napi::Object>());
    }
    Napi::Promise promise() const { return deferred_.Promise(); }
    void Execute() override { Exchange(socket_->fd_.get(), socket_->wake_.get(), transfer_); }
    void OnOK() override {
      socket_->busy_ = false;
      if (socket_->closing_) socket_->Shut();
      deferred_.Resolve(Env().Undefined());
    }

   private:
    Napi::Promise::Deferred deferred_;
    Napi::ObjectReference kept_;
    Socket* socket_;
    Transfer transfer_;
  };

  bool Usable(Napi::Env env) {
    if (fd_.valid() && !closing_) return true;
    Throw(env, {EBADF, "netlink"});
    return false;
  }

  bool Read(const Napi::CallbackInfo& info, size_t first, Transfer* out) {
    Napi::Env env = info.Env();
    if (!Usable(env)) return false;
    if (busy_) {
      Throw(env, {EBUSY, "netlink"});
      return false;
    }
    if (!info[first].IsTypedArray() || !info[first + 1].IsTypedArray()) {
      ThrowType(env, "a Uint8Array and a Uint32Array are needed");
      return false;
    }
    auto buffer = info[first].As<Napi::Uint8Array>();
    auto table = info[first + 1].As<Napi::Uint32Array>();
    out->buffer = {buffer.Data(), buffer.ByteLength()};
    out->table = table.Data();
    out->words = table.ElementLength();
    if (out->buffer.size < kRoom || out->words < kHead + kEntry) {
      ThrowType(env, "the buffer or the table is too small");
      return false;
    }
    std::fill(out->table, out->table + kHead, 0);
    return true;
  }

  bool ReadExchange(const Napi::CallbackInfo& info, Transfer* out) {
    if (!info[0].IsTypedArray()) {
      ThrowType(info.Env(), "a Uint8Array is needed");
      return false;
    }
    if (!Read(info, 1, out)) return false;
    auto request = info[0].As<Napi::Uint8Array>();
    out->request = {request.Data(), request.ByteLength()};
    out->timeout = info[3].As<Napi::Number>().Int32Value();
    ClearWake();
    return true;
  }

  // exchange(request, buffer, table, timeout in ms)
  Napi::Value ExchangeAsync(const Napi::CallbackInfo& info) {
    Transfer transfer;
    if (!ReadExchange(info, &transfer)) return info.Env().Undefined();
    busy_ = true;
    auto* worker = new Worker(info.Env(), this, info, transfer);
    worker->Queue();
    return worker->promise();
  }

  Napi::Value ExchangeSync(const Napi::CallbackInfo& info) {
    Transfer transfer;
    if (ReadExchange(info, &transfer)) Exchange(fd_.get(), wake_.get(), transfer);
    return info.Env().Undefined();
  }

  // receive(buffer, table): what is there now
  Napi::Value Receive(const Napi::CallbackInfo& info) {
    Transfer transfer;
    if (Read(info, 0, &transfer)) Drain(fd_.get(), transfer);
    return info.Env().Undefined();
  }

  void ClearWake() {
    uint64_t value;
    while (read(wake_.get(), &value, sizeof value) > 0) {
    }
  }

  void Wake() {
    uint64_t one = 1;
    if (write(wake_.get(), &one, sizeof one) < 0) return;  // only fails when it is set already
  }

  Napi::Value Interrupt(const Napi::CallbackInfo& info) {
    if (busy_) Wake();
    return info.Env().Undefined();
  }

  // setOption(level, name, value)
  Napi::Value SetOption(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (!Usable(env)) return env.Undefined();
    int value = info[2].As<Napi::Number>().Int32Value();
    if (setsockopt(fd_.get(), info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Number>().Int32Value(), &value,
                   sizeof value) != 0) {
      Throw(env, Failure::Of("setsockopt"));
    }
    return env.Undefined();
  }

  Napi::Value GetOption(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (!Usable(env)) return env.Undefined();
    int value = 0;
    socklen_t length = sizeof value;
    if (getsockopt(fd_.get(), info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Number>().Int32Value(), &value,
                   &length) != 0) {
      Throw(env, Failure::Of("getsockopt"));
    }
    return Napi::Number::New(env, value);
  }

  // startReading(onReadable): from now on the event loop calls it whenever there is something to receive
  Napi::Value StartReading(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (!Usable(env)) return env.Undefined();
    on_readable_ = Napi::Persistent(info[0].As<Napi::Function>());
    if (watch_ != nullptr) return env.Undefined();
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    auto* watch = new Watch();
    watch->socket = this;
    int status = uv_poll_init(loop, &watch->poll, fd_.get());
    if (status != 0) {
      delete watch;
      Throw(env, {-status, "uv_poll_init"});
      return env.Undefined();
    }
    watch->poll.data = watch;
    napi_add_async_cleanup_hook(
        env, [](napi_async_cleanup_hook_handle, void* data) { CloseWatch(static_cast<Watch*>(data)); }, watch, &watch->hook);
    watch_ = watch;
    uv_poll_start(&watch->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
      auto* self = static_cast<Watch*>(poll->data);
      if (self->socket != nullptr) self->socket->Readable();
    });
    return env.Undefined();
  }

  static void CloseWatch(Watch* watch) {
    if (watch->socket != nullptr) watch->socket->watch_ = nullptr;
    watch->socket = nullptr;
    auto* handle = reinterpret_cast<uv_handle_t*>(&watch->poll);
    if (uv_is_closing(handle)) return;
    uv_poll_stop(&watch->poll);
    uv_close(handle, [](uv_handle_t* closed) {
      auto* self = static_cast<Watch*>(closed->data);
      napi_remove_async_cleanup_hook(self->hook);
      delete self;
    });
  }

  void StopWatch() {
    if (watch_ != nullptr) CloseWatch(watch_);
    watch_ = nullptr;
  }

  Napi::Value StopReading(const Napi::CallbackInfo& info) {
    StopWatch();
    on_readable_.Reset();
    return info.Env().Undefined();
  }

  // ref() and unref(): whether the watch keeps the process alive
  Napi::Value Ref(const Napi::CallbackInfo& info) {
    if (watch_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&watch_->poll));
    return info.Env().Undefined();
  }
  Napi::Value Unref(const Napi::CallbackInfo& info) {
    if (watch_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&watch_->poll));
    return info.Env().Undefined();
  }

  Napi::Value Close(const Napi::CallbackInfo& info) {
    if (busy_) {
      closing_ = true;
      Wake();
    } else Shut();
    return info.Env().Undefined();
  }

  void Shut() {
    StopWatch();
    on_readable_.Reset();
    fd_ = Descriptor();
    wake_ = Descriptor();
  }

  Napi::Value Descriptor_(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), fd_.get()); }
  Napi::Value Port(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), port_); }

  Descriptor fd_;
  Descriptor wake_;
  uint32_t port_ = 0;
  bool busy_ = false;
  bool closing_ = false;
  Watch* watch_ = nullptr;
  Napi::FunctionReference on_readable_;
};

}  // namespace

void InitSocket(Napi::Env env, Napi::Object exports) { Socket::Init(env, exports); }

}  // namespace shim
