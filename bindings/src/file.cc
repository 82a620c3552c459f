// Locks and peers.
#include <sys/file.h>
#include <sys/socket.h>

#include "shim.h"

namespace shim {
namespace {

Failure Lock(int fd, int operation) {
  for (;;) {
    if (flock(fd, operation) == 0) return {};
    if (errno != EINTR) return Failure::Of("flock");
  }
}

// flock(2) as it is: without LOCK_NB it holds the calling thread.
Napi::Value Flock(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = info[0].As<Napi::Number>().Int32Value();
  if (Failure failure = Lock(fd, info[1].As<Napi::Number>().Int32Value())) Throw(env, failure);
  return env.Undefined();
}

// Who is at the other end of a connected unix socket (SO_PEERCRED).
Napi::Value PeerCredentials(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct ucred credentials = {};
  socklen_t length = sizeof credentials;
  if (getsockopt(info[0].As<Napi::Number>().Int32Value(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    Throw(env, Failure::Of("getsockopt"));
    return env.Undefined();
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("pid", Napi::Number::New(env, credentials.pid));
  out.Set("uid", Napi::Number::New(env, credentials.uid));
  out.Set("gid", Napi::Number::New(env, credentials.gid));
  return out;
}

}  // namespace

void InitFile(Napi::Env env, Napi::Object exports) {
  exports.Set("flock", Napi::Function::New(env, Flock, "flock"));
  exports.Set("peerCredentials", Napi::Function::New(env, PeerCredentials, "peerCredentials"));
}

}  // namespace shim
