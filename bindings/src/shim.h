// What the parts of the shim share. The shim makes system calls and reports what they returned; it knows neither
// messages nor policy.
#pragma once

#include <napi.h>

#include <cerrno>
#include <functional>
#include <string>

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
void ThrowType(Napi::Env env, const char* message);

// Runs `work` on a thread of its own inside the network namespace `fd`; the calling thread's namespace never changes.
Failure InNamespace(int fd, const std::function<Failure()>& work);

void InitSocket(Napi::Env env, Napi::Object exports);
void InitNamespace(Napi::Env env, Napi::Object exports);
void InitFile(Napi::Env env, Napi::Object exports);

}  // namespace shim
