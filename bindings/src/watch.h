// Readiness of a descriptor, as the event loop tells it.
#pragma once

#include "shim.h"

namespace shim {

// Outlives its owner until the loop has let go of it.
class Watch {
 public:
  // From now on `readable` is called in the event loop whenever `fd` can be read, or has failed. `slot` is where the
  // owner keeps the watch: it is emptied when the watch ends, by whomever.
  static Failure Start(napi_env env, int fd, std::function<void()> readable, Watch** slot);
  void Stop();
  // Whether the watch keeps the process alive: it does at first.
  void Ref() { uv_ref(reinterpret_cast<uv_handle_t*>(&poll_)); }
  void Unref() { uv_unref(reinterpret_cast<uv_handle_t*>(&poll_)); }

 private:
  uv_poll_t poll_ = {};
  std::function<void()> readable_;
  Watch** slot_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

// A watch that calls a function of JavaScript's. While it runs, the object that listens is not forgotten, even when
// nothing else points to it.
class Listening {
 public:
  // startReading(onReadable) of an object with this descriptor. A second call exchanges the function.
  void Start(const Napi::CallbackInfo& info, int fd);
  void Stop();
  Watch* watch() { return watch_; }

 private:
  Watch* watch_ = nullptr;
  Napi::FunctionReference on_readable_;
  Napi::ObjectReference owner_;
};

}  // namespace shim
