// What the parts of the shim share. The shim makes system calls and reports what they returned; it knows neither
// messages nor policy.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cerrno>
#include <functional>
#include <string>
#include <unordered_set>

namespace shim {

// A file descriptor that is closed when it goes out of scope.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = other.Release();
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Close(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Close();

 private:
  int fd_;
};

// The outcome of system calls: which one failed, and how. number == 0: none did.
struct Failure {
  int number = 0;
  const char* call = "";
  static Failure Of(const char* call) { return {errno, call}; }
  explicit operator bool() const { return number != 0; }
};

// Throws a JavaScript Error with `errno`, `syscall` and, where there is one, `path`.
void Throw(Napi::Env env, const Failure& failure, const std::string& path = "");
// Throws a JavaScript Error with `code`: the call cannot be made now.
void ThrowState(Napi::Env env, const char* code, const char* message);
void ThrowType(Napi::Env env, const char* message);

// A path for the kernel. False, and thrown, where it has a NUL: what the kernel would take is another path.
bool ReadPath(const Napi::Value& value, std::string* out);

// Reports what JavaScript threw into a callback of the event loop as an uncaught exception.
void ReportPending(Napi::Env env);

// Runs `work`, which must neither start threads nor call JavaScript, inside the network namespace `fd`. The calling thread
// goes there and back, which takes a fifth of the time of a thread made for it; it stays at home, and a thread is made,
// where it would not be let back.
Failure InNamespace(int fd, const std::function<Failure()>& work);

// Work for the thread pool. An environment (the main thread, or a worker) ends only when its jobs have: they are
// interrupted then. napi_async_work would do, were it not waited for before anybody is told of the end.
class Job {
 public:
  virtual ~Job() = default;
  // Hands itself over to the pool. Deletes itself when all is done.
  Failure Start(Napi::Env env);
  // Asks for an early end.
  virtual void Interrupt() {}

 protected:
  // On the pool.
  virtual void Run() = 0;
  // On the thread of the environment. JavaScript may be beyond reach already.
  virtual void Done(Napi::Env env) = 0;

 private:
  friend class Instance;
  uv_work_t request_ = {};
  napi_env env_ = nullptr;
};

// What the addon has for each environment.
class Instance {
 public:
  explicit Instance(Napi::Env env);
  ~Instance();
  static Instance* Of(Napi::Env env) { return env.GetInstanceData<Instance>(); }
  void InterruptAll();

  // Namespaces that are open; what a worker leaves open is closed at its end.
  std::unordered_set<int> namespaces;

 private:
  friend class Job;
  void Ended(Job* job);
  std::unordered_set<Job*> jobs_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool ending_ = false;
};

void InitSocket(Napi::Env env, Napi::Object exports);
void InitNamespace(Napi::Env env, Napi::Object exports);
void InitFile(Napi::Env env, Napi::Object exports);
void InitPacket(Napi::Env env, Napi::Object exports);
void InitTap(Napi::Env env, Napi::Object exports);
void InitExecute(Napi::Env env, Napi::Object exports);
void InitReceiver(Napi::Env env, Napi::Object exports);

}  // namespace shim
