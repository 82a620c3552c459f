#include "watch.h"

namespace shim {

Failure Watch::Start(napi_env env, int fd, std::function<void()> readable, Watch** slot) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  auto* watch = new Watch();
  int status = uv_poll_init(loop, &watch->poll_, fd);
  if (status != 0) {
    delete watch;
    return {-status, "uv_poll_init"};
  }
  watch->poll_.data = watch;
  watch->readable_ = std::move(readable);
  watch->slot_ = slot;
  napi_add_async_cleanup_hook(
      env, [](napi_async_cleanup_hook_handle, void* data) { static_cast<Watch*>(data)->Stop(); }, watch, &watch->hook_);
  *slot = watch;
  uv_poll_start(&watch->poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    auto* self = static_cast<Watch*>(poll->data);
    if (self->slot_ != nullptr) self->readable_();
  });
  return {};
}

void Watch::Stop() {
  if (slot_ != nullptr) *slot_ = nullptr;
  slot_ = nullptr;
  auto* handle = reinterpret_cast<uv_handle_t*>(&poll_);
  if (uv_is_closing(handle)) return;
  uv_poll_stop(&poll_);
  uv_close(handle, [](uv_handle_t* closed) {
    auto* self = static_cast<Watch*>(closed->data);
    napi_remove_async_cleanup_hook(self->hook_);
    delete self;
  });
}

void Listening::Start(const Napi::CallbackInfo& info, int fd) {
  Napi::Env env = info.Env();
  if (!info[0].IsFunction()) {
    ThrowType(env, "a function is needed");
    return;
  }
  on_readable_ = Napi::Persistent(info[0].As<Napi::Function>());
  if (watch_ != nullptr) return;
  auto readable = [this, env] {
    Napi::HandleScope scope(env);
    if (on_readable_.IsEmpty()) return;
    napi_make_callback(env, nullptr, owner_.Value(), on_readable_.Value(), 0, nullptr, nullptr);
    ReportPending(env);
  };
  if (Failure failure = Watch::Start(env, fd, readable, &watch_)) {
    on_readable_.Reset();
    Throw(env, failure);
    return;
  }
  owner_ = Napi::Persistent(info.This().As<Napi::Object>());
}

void Listening::Stop() {
  if (watch_ != nullptr) watch_->Stop();
  on_readable_.Reset();
  owner_.Reset();
}

}  // namespace shim
