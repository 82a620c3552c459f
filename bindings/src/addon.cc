#include <unistd.h>

#include <cstring>

#include "shim.h"

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

void ThrowState(Napi::Env env, const char* code, const char* message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
}

void ThrowType(Napi::Env env, const char* message) { Napi::TypeError::New(env, message).ThrowAsJavaScriptException(); }

bool ReadPath(const Napi::Value& value, std::string* out) {
  if (!value.IsString()) {
    ThrowType(value.Env(), "a path is needed");
    return false;
  }
  *out = value.As<Napi::String>().Utf8Value();
  if (out->find('\0') == std::string::npos) return true;
  Throw(value.Env(), {EINVAL, "open"}, *out);
  return false;
}

void ReportPending(Napi::Env env) {
  bool pending = false;
  napi_value error = nullptr;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

Instance::Instance(Napi::Env env) {
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle hook, void* data) {
        auto* self = static_cast<Instance*>(data);
        self->ending_ = true;
        if (self->jobs_.empty()) {
          napi_remove_async_cleanup_hook(hook);
        } else {
          self->InterruptAll();
        }
      },
      this, &hook_);
}

Instance::~Instance() {
  for (int fd : namespaces) close(fd);
}

void Instance::InterruptAll() {
  for (Job* job : jobs_) job->Interrupt();
}

void Instance::Ended(Job* job) {
  jobs_.erase(job);
  if (ending_ && jobs_.empty()) napi_remove_async_cleanup_hook(hook_);
}

Failure Job::Start(Napi::Env env) {
  env_ = env;
  request_.data = this;
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  int status = uv_queue_work(
      loop, &request_, [](uv_work_t* request) { static_cast<Job*>(request->data)->Run(); },
      [](uv_work_t* request, int) {
        auto* job = static_cast<Job*>(request->data);
        Napi::Env env(job->env_);
        Napi::HandleScope scope(env);
        job->Done(env);
        Instance* instance = Instance::Of(env);
        instance->Ended(job);
        delete job;
      });
  if (status != 0) return {-status, "uv_queue_work"};
  Instance::Of(env)->jobs_.insert(this);
  return {};
}

}  // namespace shim

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData<shim::Instance>(new shim::Instance(env));
  exports.Set("interruptAll", Napi::Function::New(
                                  env, [](const Napi::CallbackInfo& info) { shim::Instance::Of(info.Env())->InterruptAll(); },
                                  "interruptAll"));
  shim::InitSocket(env, exports);
  shim::InitNamespace(env, exports);
  shim::InitFile(env, exports);
  shim::InitPacket(env, exports);
  shim::InitTap(env, exports);
  shim::InitExecute(env, exports);
  shim::InitReceiver(env, exports);
  return exports;
}

NODE_API_MODULE(netloom, Init)
