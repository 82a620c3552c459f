// A packet socket (packet(7)) on one link: what the network layer sends and receives there.
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "watch.h"

namespace shim {
namespace {

bool ReadBytes(const Napi::Value& value, uint8_t** data, size_t* size) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    ThrowType(value.Env(), "a Uint8Array is needed");
    return false;
  }
  auto bytes = value.As<Napi::Uint8Array>();
  *data = bytes.Data();
  *size = bytes.ByteLength();
  return true;
}

// Bound last: nothing is received that the filter has not seen.
Failure OpenPacketSocket(uint16_t protocol, int ifindex, uint8_t* filter, size_t size, Descriptor* out) {
  Descriptor fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Failure::Of("socket");
  if (size > 0) {
    struct sock_fprog program = {};
    program.len = static_cast<unsigned short>(size / sizeof(struct sock_filter));
    program.filter = reinterpret_cast<struct sock_filter*>(filter);
    if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) return Failure::Of("setsockopt");
  }
  int on = 1;
  if (setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0) return Failure::Of("setsockopt");
  struct sockaddr_ll own = {};
  own.sll_family = AF_PACKET;
  own.sll_protocol = htons(protocol);
  own.sll_ifindex = ifindex;
  if (bind(fd.get(), reinterpret_cast<struct sockaddr*>(&own), sizeof own) != 0) return Failure::Of("bind");
  *out = std::move(fd);
  return {};
}

class PacketSocket : public Napi::ObjectWrap<PacketSocket> {
 public:
  static void Init(Napi::Env env, Napi::Object exports) {
    exports.Set("PacketSocket", DefineClass(env, "PacketSocket",
                                            {
                                                InstanceMethod<&PacketSocket::Send>("send"),
                                                InstanceMethod<&PacketSocket::Receive>("receive"),
                                                InstanceMethod<&PacketSocket::StartReading>("startReading"),
                                                InstanceMethod<&PacketSocket::Close>("close"),
                                            }));
  }

  // new PacketSocket(namespace descriptor or -1, protocol, ifindex, struct sock_filter[])
  explicit PacketSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PacketSocket>(info) {
    int space = info[0].As<Napi::Number>().Int32Value();
    auto protocol = static_cast<uint16_t>(info[1].As<Napi::Number>().Uint32Value());
    int ifindex = info[2].As<Napi::Number>().Int32Value();
    uint8_t* filter = nullptr;
    size_t size = 0;
    if (!ReadBytes(info[3], &filter, &size)) return;
    auto open = [&] { return OpenPacketSocket(protocol, ifindex, filter, size, &fd_); };
    protocol_ = protocol;
    ifindex_ = ifindex;
    if (Failure failure = space < 0 ? open() : InNamespace(space, open)) Throw(info.Env(), failure);
  }

  ~PacketSocket() override { Shut(); }

 private:
  bool Usable(Napi::Env env) {
    if (fd_.valid()) return true;
    ThrowState(env, "ERR_CLOSED", "the socket is closed");
    return false;
  }

  // send(packet, link-layer address)
  Napi::Value Send(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    uint8_t *packet, *address;
    size_t size, length;
    if (!Usable(env) || !ReadBytes(info[0], &packet, &size) || !ReadBytes(info[1], &address, &length)) return env.Undefined();
    struct sockaddr_ll to = {};
    if (length > sizeof to.sll_addr) {
      ThrowType(env, "a link-layer address has 8 bytes at most");
      return env.Undefined();
    }
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(protocol_);
    to.sll_ifindex = ifindex_;
    to.sll_halen = static_cast<unsigned char>(length);
    memcpy(to.sll_addr, address, length);
    ssize_t count;
    do count = sendto(fd_.get(), packet, size, 0, reinterpret_cast<struct sockaddr*>(&to), sizeof to);
    while (count < 0 && errno == EINTR);
    if (count < 0) Throw(env, Failure::Of("sendto"));
    return env.Undefined();
  }

  // receive(buffer): { length, status, address } of the packet that is there now, or undefined
  Napi::Value Receive(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    uint8_t* buffer;
    size_t size;
    if (!Usable(env) || !ReadBytes(info[0], &buffer, &size)) return env.Undefined();
    struct sockaddr_ll from = {};
    struct iovec piece = {buffer, size};
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    struct msghdr message = {};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t count;
    do count = recvmsg(fd_.get(), &message, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0) {
      if (errno != EAGAIN) Throw(env, Failure::Of("recvmsg"));
      return env.Undefined();
    }
    uint32_t status = 0;
    for (struct cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA) continue;
      struct tpacket_auxdata data;
      memcpy(&data, CMSG_DATA(part), sizeof data);
      status = data.tp_status;
    }
    size_t length = from.sll_halen < sizeof from.sll_addr ? from.sll_halen : sizeof from.sll_addr;
    Napi::Uint8Array address = Napi::Uint8Array::New(env, length);
    memcpy(address.Data(), from.sll_addr, length);
    Napi::Object out = Napi::Object::New(env);
    out.Set("length", Napi::Number::New(env, count));
    out.Set("status", Napi::Number::New(env, status));
    out.Set("address", address);
    return out;
  }

  // startReading(onReadable)
  Napi::Value StartReading(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (Usable(env)) listening_.Start(info, fd_.get());
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
  uint16_t protocol_ = 0;
  int ifindex_ = 0;
  Listening listening_;
};

}  // namespace

void InitPacket(Napi::Env env, Napi::Object exports) { PacketSocket::Init(env, exports); }

}  // namespace shim
