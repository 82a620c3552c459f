// What comes over a unix socket, descriptors included: Node's own sockets drop them.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "shim.h"
#include "watch.h"

namespace shim {
namespace {

// A control message takes so many descriptors (SCM_MAX_FD of the kernel).
constexpr size_t kDescriptors = 253;

class Receiver : public Napi::ObjectWrap<Receiver> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("Receiver", DefineClass(env, "Receiver",
                                        {
                                            InstanceMethod<&Receiver::Receive>("receive"),
                                            InstanceMethod<&Receiver::StartReading>("startReading"),
                                            InstanceMethod<&Receiver::Close>("close"),
                                        }));
  }

  // new Receiver(descriptor): of a connected stream, which stays the caller's; the receiver has a copy
  explicit Receiver(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Receiver>(info) {
    fd_ = Descriptor(fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 0));
    if (!fd_.valid()) Throw(info.Env(), Failure::Of("fcntl"));
  }

  ~Receiver() override { Shut(); }

 private:
  // receive(buffer, descriptors): how many bytes are now in the buffer, 0 at the end, -1 when there is nothing yet.
  // Descriptors that came are pushed to the array, and are then the caller's to close.
  Napi::Value Receive(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (!fd_.valid()) {
      ThrowState(env, "ERR_CLOSED", "the receiver is closed");
      return env.Undefined();
    }
    auto buffer = info[0].As<Napi::Uint8Array>();
    auto out = info[1].As<Napi::Array>();
    struct iovec piece = {buffer.Data(), buffer.ByteLength()};
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * kDescriptors)];
    struct msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t count;
    do count = recvmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0) {
      if (errno == EAGAIN) return Napi::Number::New(env, -1);
      Throw(env, Failure::Of("recvmsg"));
      return env.Undefined();
    }
    for (struct cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
      for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
        int fd;
        memcpy(&fd, CMSG_DATA(part) + at, sizeof fd);
        out.Set(out.Length(), Napi::Number::New(env, fd));
      }
    }
    return Napi::Number::New(env, static_cast<double>(count));
  }

  // startReading(onReadable)
  Napi::Value StartReading(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    listening_.Start(info, fd_.get());
    return env.Undefined();
  }

  Napi::Value Close(const Napi::CallbackInfo& info) {
    Shut();
    return info.Env().Undefined();
  }

  void Shut() {
    listening_.Stop();
    fd_ = Descriptor();
  }

  Descriptor fd_;
  Listening listening_;
};

}  // namespace

void InitReceiver(Napi::Env env, Napi::Object exports) { Receiver::Init(env, exports); }

}  // namespace shim
