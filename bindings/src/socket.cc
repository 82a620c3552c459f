// A netlink socket as JavaScript has it.
#include <linux/netlink.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "exchange.h"
#include "watch.h"

namespace shim {
namespace {

class Socket : public Napi::ObjectWrap<Socket> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("Socket", DefineClass(env, "Socket",
                                      {
                                          InstanceMethod<&Socket::SetOption>("setOption"),
                                          InstanceMethod<&Socket::GetOption>("getOption"),
                                          InstanceMethod<&Socket::Membership<NETLINK_ADD_MEMBERSHIP>>("join"),
                                          InstanceMethod<&Socket::Membership<NETLINK_DROP_MEMBERSHIP>>("leave"),
                                          InstanceMethod<&Socket::ExchangeAsync>("exchange"),
                                          InstanceMethod<&Socket::ExchangeSync>("exchangeSync"),
                                          InstanceMethod<&Socket::SendSync>("sendSync"),
                                          InstanceMethod<&Socket::Receive>("receive"),
                                          InstanceMethod<&Socket::Interrupt>("interrupt"),
                                          InstanceMethod<&Socket::StartReading>("startReading"),
                                          InstanceMethod<&Socket::StopReading>("stopReading"),
                                          InstanceMethod<&Socket::RefWatch>("ref"),
                                          InstanceMethod<&Socket::UnrefWatch>("unref"),
                                          InstanceMethod<&Socket::Close>("close"),
                                          InstanceAccessor<&Socket::FileDescriptor>("fd"),
                                          InstanceAccessor<&Socket::Port>("portId"),
                                          InstanceAccessor<&Socket::Known>("options"),
                                      }));
  }

  // new Socket(protocol, namespace descriptor or -1, receive buffer in bytes or 0, send buffer in bytes or 0)
  explicit Socket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Socket>(info) {
    int protocol = info[0].As<Napi::Number>().Int32Value();
    int space = info[1].As<Napi::Number>().Int32Value();
    int receive_buffer = info[2].As<Napi::Number>().Int32Value();
    int send_buffer = info[3].As<Napi::Number>().Int32Value();
    auto open = [&] { return OpenSocket(protocol, receive_buffer, send_buffer, &fd_, &options_); };
    Failure failure = space < 0 ? open() : InNamespace(space, open);
    if (failure) Throw(info.Env(), failure);
  }

  ~Socket() override { listening_.Stop(); }

 private:
  class ExchangeJob : public Job {
   public:
    ExchangeJob(const Napi::CallbackInfo& info, Socket* socket, const Transfer& transfer)
        : context_(info.Env(), "netlink exchange"),
          socket_(socket),
          transfer_(transfer) {
      // the arrays, and the socket itself, must live until the work is done
      Napi::Array kept = Napi::Array::New(info.Env(), 4);
      kept.Set(0u, info.This());
      for (uint32_t i = 0; i < 3; i++) kept.Set(i + 1, info[i]);
      kept_ = Napi::Persistent(kept.As<Napi::Object>());
    }
    napi_value Promise(Napi::Env env) {
      napi_value promise = nullptr;
      napi_create_promise(env, &deferred_, &promise);
      return promise;
    }
    void Interrupt() override { socket_->Wake(); }

   protected:
    void Run() override { Exchange(socket_->fd_.get(), socket_->wake_.get(), transfer_); }
    void Done(Napi::Env env) override {
      socket_->job_ = nullptr;
      if (socket_->closing_) socket_->Shut();
      Napi::CallbackScope scope(env, context_);
      // fails where the environment ends: nobody waits then
      napi_resolve_deferred(env, deferred_, env.Undefined());
    }

   private:
    napi_deferred deferred_ = nullptr;
    Napi::AsyncContext context_;
    Napi::ObjectReference kept_;
    Socket* socket_;
    Transfer transfer_;
  };

  bool Usable(Napi::Env env) {
    if (fd_.valid() && !closing_) return true;
    ThrowState(env, "ERR_CLOSED", "the socket is closed");
    return false;
  }

  bool Idle(Napi::Env env) {
    if (!Usable(env)) return false;
    if (job_ == nullptr) return true;
    ThrowState(env, "ERR_SOCKET_BUSY", "an exchange runs on this socket");
    return false;
  }

  static bool ReadBytes(const Napi::Value& value, Span* out) {
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      ThrowType(value.Env(), "a Uint8Array is needed");
      return false;
    }
    auto bytes = value.As<Napi::Uint8Array>();
    *out = {bytes.Data(), bytes.ByteLength()};
    return true;
  }

  bool Read(const Napi::CallbackInfo& info, size_t first, Transfer* out) {
    Napi::Env env = info.Env();
    if (!Idle(env) || !ReadBytes(info[first], &out->buffer)) return false;
    Napi::Value last = info[first + 1];
    if (!last.IsTypedArray() || last.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
      ThrowType(env, "a Uint32Array is needed");
      return false;
    }
    auto table = last.As<Napi::Uint32Array>();
    out->table = table.Data();
    out->words = table.ElementLength();
    if (out->buffer.size < kRoom || out->buffer.size > UINT32_MAX || out->words < kHead + kEntry) {
      ThrowType(env, "the buffer needs 32 KiB to 4 GiB, the table 10 words");
      return false;
    }
    std::fill(out->table, out->table + kHead, 0);
    return true;
  }

  bool ReadExchange(const Napi::CallbackInfo& info, Transfer* out) {
    if (!Idle(info.Env()) || !ReadBytes(info[0], &out->request) || !Read(info, 1, out)) return false;
    if (!info[3].IsNumber()) {
      ThrowType(info.Env(), "a timeout in ms is needed");
      return false;
    }
    double timeout = info[3].As<Napi::Number>().DoubleValue();
    // a century is for ever
    out->timeout = timeout >= 0 && timeout < 3e12 ? static_cast<int64_t>(timeout) : -1;
    return true;
  }

  // What ends the wait of an exchange on the pool: made with the first, and not set.
  Failure Rearm() {
    if (!wake_.valid()) {
      wake_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      return wake_.valid() ? Failure{} : Failure::Of("eventfd");
    }
    uint64_t woken;
    while (woken_ && read(wake_.get(), &woken, sizeof woken) > 0) {
    }
    woken_ = false;
    return {};
  }

  // exchange(request, buffer, table, timeout in ms)
  Napi::Value ExchangeAsync(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Transfer transfer;
    if (!ReadExchange(info, &transfer)) return env.Undefined();
    if (Failure failure = Rearm()) {
      Throw(env, failure);
      return env.Undefined();
    }
    auto* job = new ExchangeJob(info, this, transfer);
    if (Failure failure = job->Start(env)) {
      delete job;
      Throw(env, failure);
      return env.Undefined();
    }
    job_ = job;
    return {env, job->Promise(env)};
  }

  Napi::Value ExchangeSync(const Napi::CallbackInfo& info) {
    Transfer transfer;
    if (ReadExchange(info, &transfer)) Exchange(fd_.get(), -1, transfer);
    return info.Env().Undefined();
  }

  // sendSync(request)
  Napi::Value SendSync(const Napi::CallbackInfo& info) {
    Span request;
    if (Usable(info.Env()) && ReadBytes(info[0], &request)) {
      if (Failure failure = SendNow(fd_.get(), request)) Throw(info.Env(), failure);
    }
    return info.Env().Undefined();
  }

  // receive(buffer, table): what is there now
  Napi::Value Receive(const Napi::CallbackInfo& info) {
    Transfer transfer;
    if (Read(info, 0, &transfer)) Drain(fd_.get(), transfer);
    return info.Env().Undefined();
  }

  // On the environment's thread, as all but the exchange itself.
  void Wake() {
    woken_ = true;
    uint64_t one = 1;
    if (write(wake_.get(), &one, sizeof one) < 0) return;  // only fails when it is set already
  }

  Napi::Value Interrupt(const Napi::CallbackInfo& info) {
    if (job_ != nullptr) Wake();
    return info.Env().Undefined();
  }

  void Set(Napi::Env env, int level, int name, int value) {
    if (!Usable(env)) return;
    if (setsockopt(fd_.get(), level, name, &value, sizeof value) != 0) Throw(env, Failure::Of("setsockopt"));
  }

  // setOption(level, name, value)
  Napi::Value SetOption(const Napi::CallbackInfo& info) {
    Set(info.Env(), info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Number>().Int32Value(),
        info[2].As<Napi::Number>().Int32Value());
    return info.Env().Undefined();
  }

  // join(group), leave(group)
  template <int option>
  Napi::Value Membership(const Napi::CallbackInfo& info) {
    Set(info.Env(), SOL_NETLINK, option, info[0].As<Napi::Number>().Int32Value());
    return info.Env().Undefined();
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
    if (Usable(env)) listening_.Start(info, fd_.get());
    return env.Undefined();
  }

  Napi::Value StopReading(const Napi::CallbackInfo& info) {
    listening_.Stop();
    return info.Env().Undefined();
  }

  // ref() and unref(): whether the watch keeps the process alive
  Napi::Value RefWatch(const Napi::CallbackInfo& info) {
    if (Watch* watch = listening_.watch()) watch->Ref();
    return info.Env().Undefined();
  }
  Napi::Value UnrefWatch(const Napi::CallbackInfo& info) {
    if (Watch* watch = listening_.watch()) watch->Unref();
    return info.Env().Undefined();
  }

  Napi::Value Close(const Napi::CallbackInfo& info) {
    if (job_ != nullptr) {
      closing_ = true;
      Wake();
    } else {
      Shut();
    }
    return info.Env().Undefined();
  }

  void Shut() {
    listening_.Stop();
    fd_ = Descriptor();
    wake_ = Descriptor();
  }

  Napi::Value FileDescriptor(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), fd_.get()); }
  Napi::Value Port(const Napi::CallbackInfo& info) {
    struct sockaddr_nl own = {};
    socklen_t length = sizeof own;
    // the kernel's number is never 0
    if (port_ == 0 && fd_.valid()) {
      if (getsockname(fd_.get(), reinterpret_cast<struct sockaddr*>(&own), &length) != 0) {
        Throw(info.Env(), Failure::Of("getsockname"));
        return info.Env().Undefined();
      }
      port_ = own.nl_pid;
    }
    return Napi::Number::New(info.Env(), port_);
  }
  Napi::Value Known(const Napi::CallbackInfo& info) {
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("extendedAck", options_.extended_ack);
    out.Set("cappedAck", options_.capped_ack);
    out.Set("strictChecks", options_.strict_checks);
    return out;
  }

  Descriptor fd_;
  Descriptor wake_;
  Options options_;
  uint32_t port_ = 0;
  bool closing_ = false;
  bool woken_ = false;
  Job* job_ = nullptr;
  Listening listening_;
};

}  // namespace

void InitSocket(Napi::Env env, Napi::Object exports) { Socket::Init(env, exports); }

}  // namespace shim
