// Links made through /dev/net/tun: rtnetlink cannot create them.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>

#include "shim.h"

namespace shim {
namespace {

constexpr char kDevice[] = "/dev/net/tun";
constexpr char kSocketLabel[] = "/proc/thread-self/attr/sockcreate";

struct Tap {
  std::string name;
  short flags;
  // -1: anybody's who may otherwise
  int64_t owner;
  int64_t group;
  // empty: the thread's own
  std::string label;
};

struct Outcome {
  Failure failure;
  const char* path = "";
};

Outcome SetSocketLabel(const std::string& label) {
  Descriptor fd(open(kSocketLabel, O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return {Failure::Of("open"), kSocketLabel};
  if (write(fd.get(), label.data(), label.size()) < 0) return {Failure::Of("write"), kSocketLabel};
  return {};
}

// Until the last call the link goes when the descriptor does: a failure leaves nothing.
Outcome MakeTap(const Tap& tap) {
  struct ifreq request = {};
  if (tap.name.size() >= sizeof request.ifr_name) return {{EINVAL, "ioctl TUNSETIFF"}, kDevice};
  memcpy(request.ifr_name, tap.name.data(), tap.name.size());
  request.ifr_flags = tap.flags;
  if (!tap.label.empty()) {
    if (Outcome outcome = SetSocketLabel(tap.label); outcome.failure) return outcome;
  }
  Descriptor fd(open(kDevice, O_RDWR | O_CLOEXEC));
  if (!fd.valid()) return {Failure::Of("open"), kDevice};
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) return {Failure::Of("ioctl TUNSETIFF"), kDevice};
  // "tap%d" is a pattern to the kernel
  if (tap.name != request.ifr_name) return {{EINVAL, "ioctl TUNSETIFF"}, kDevice};
  if (tap.owner >= 0 && ioctl(fd.get(), TUNSETOWNER, static_cast<unsigned long>(tap.owner)) != 0)
    return {Failure::Of("ioctl TUNSETOWNER"), kDevice};
  if (tap.group >= 0 && ioctl(fd.get(), TUNSETGROUP, static_cast<unsigned long>(tap.group)) != 0)
    return {Failure::Of("ioctl TUNSETGROUP"), kDevice};
  if (ioctl(fd.get(), TUNSETPERSIST, 1) != 0) return {Failure::Of("ioctl TUNSETPERSIST"), kDevice};
  return {};
}

// A persistent link inside the namespace, of a thread with the label.
Napi::Value CreateTap(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Tap tap;
  tap.name = info[1].As<Napi::String>();
  tap.flags = static_cast<short>(info[2].As<Napi::Number>().Int32Value());
  tap.owner = info[3].As<Napi::Number>().Int64Value();
  tap.group = info[4].As<Napi::Number>().Int64Value();
  tap.label = info[5].As<Napi::String>();
  Outcome outcome;
  Failure failure = InNamespace(info[0].As<Napi::Number>().Int32Value(), [&] {
    outcome = MakeTap(tap);
    return outcome.failure;
  });
  if (failure) Throw(env, failure, outcome.path);
  return env.Undefined();
}

}  // namespace

void InitTap(Napi::Env env, Napi::Object exports) {
  exports.Set("createTap", Napi::Function::New(env, CreateTap, "createTap"));
}

}  // namespace shim
