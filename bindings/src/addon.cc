#include "shim.h"

#include <unistd.h>

#include <cstring>

namespace shim {

void Descriptor::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void Throw(Napi::Env env, const Failure& failure, const std::string& path) {
  Napi::Error error = Napi::Error::New(env, std::string(failure.call) + ": " + strerror(failure.number));
  error.Set("errno", Napi::Number::New(env, failure.number));
  error.Set("syscall", Napi::String::New(env, failure.call));
  if (!path.empty()) error.Set("path", Napi::String::New(env, path));
  error.ThrowAsJavaScriptException();
}

void ThrowType(Napi::Env env, const char* message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

}  // namespace shim

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  shim::InitSocket(env, exports);
  shim::InitNamespace(env, exports);
  shim::InitFile(env, exports);
  return exports;
}

NODE_API_MODULE(netloom, Init)
