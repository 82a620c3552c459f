// Network namespaces: opening, creating, entering.
#include <fcntl.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "shim.h"

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif

namespace shim {

namespace {

struct Errand {
  const std::function<Failure()>& work;
  Failure failure;
};

// Runs `work` on a thread of its own, and waits for it. (std::thread has no errors, only an end of the process.)
Failure OnThread(const std::function<Failure()>& work) {
  Errand errand{work, {}};
  pthread_t helper;
  int status = pthread_create(
      &helper, nullptr,
      [](void* data) -> void* {
        auto* own = static_cast<Errand*>(data);
        own->failure = own->work();
        return nullptr;
      },
      &errand);
  if (status != 0) return {status, "pthread_create"};
  pthread_join(helper, nullptr);
  return errand.failure;
}

// Runs `work` on a thread that has just got a network namespace of its own.
Failure InNewNamespace(const std::function<Failure()>& work) {
  return OnThread([&]() -> Failure {
    if (unshare(CLONE_NEWNET) != 0) return Failure::Of("unshare");
    return work();
  });
}

}  // namespace

namespace {

// Is `fd` the network namespace of the calling thread?
bool IsOwn(int fd) {
  struct stat own;
  struct stat other;
  return stat("/proc/thread-self/ns/net", &own) == 0 && fstat(fd, &other) == 0 && own.st_dev == other.st_dev &&
         own.st_ino == other.st_ino;
}

// A thread that cannot come back must not go on.
void ComeHome(int home) {
  if (setns(home, CLONE_NEWNET) == 0) return;
  fprintf(stderr, "netloom: cannot return to the network namespace of this process\n");
  abort();
}

}  // namespace

Failure InNamespace(int fd, const std::function<Failure()>& work) {
  if (IsOwn(fd)) return work();
  // first home, where the thread is: who may not do that (home belongs to an outer user namespace) could not come back
  Descriptor home(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (home.valid() && setns(home.get(), CLONE_NEWNET) == 0) {
    if (setns(fd, CLONE_NEWNET) != 0) return Failure::Of("setns");
    Failure failure = work();
    ComeHome(home.get());
    return failure;
  }
  return OnThread([&]() -> Failure {
    if (setns(fd, CLONE_NEWNET) != 0) return Failure::Of("setns");
    return work();
  });
}

namespace {

// Does nothing. Queued so that the thread pool starts.
class Nothing : public Job {
  void Run() override {}
  void Done(Napi::Env) override {}
};

// The pool's threads start with its first work, in the namespace that the thread giving it is in then, and stay there.
// So they are started before any thread enters one.
Failure StartPool(Napi::Env env) {
  static std::atomic<bool> started{false};
  if (started.exchange(true)) return {};
  auto* nothing = new Nothing();
  Failure failure = nothing->Start(env);
  if (failure) {
    started = false;
    delete nothing;
  }
  return failure;
}

Failure OpenNamespace(const std::string& path, Descriptor* out) {
  // whatever else it may be (a FIFO, a terminal): opening must neither wait nor have consequences
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return Failure::Of("open");
  struct statfs status;
  if (fstatfs(fd.get(), &status) != 0) return Failure::Of("fstatfs");
  if (status.f_type != NSFS_MAGIC) return {EINVAL, "fstatfs"};
  int type = ioctl(fd.get(), NS_GET_NSTYPE);
  if (type < 0) return Failure::Of("ioctl");
  if (type != CLONE_NEWNET) return {EINVAL, "ioctl"};
  *out = std::move(fd);
  return {};
}

Napi::Value Keep(Napi::Env env, Descriptor fd) {
  Instance::Of(env)->namespaces.insert(fd.get());
  return Napi::Number::New(env, fd.Release());
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path;
  if (!ReadPath(info[0], &path)) return env.Undefined();
  Descriptor fd;
  if (Failure failure = OpenNamespace(path, &fd)) {
    Throw(env, failure, path);
    return env.Undefined();
  }
  return Keep(env, std::move(fd));
}

// A namespace that lives as long as the descriptor does.
Napi::Value CreateAnonymous(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Descriptor fd;
  Failure failure = InNewNamespace([&] { return OpenNamespace("/proc/thread-self/ns/net", &fd); });
  if (failure) {
    Throw(env, failure);
    return env.Undefined();
  }
  return Keep(env, std::move(fd));
}

// Closes the descriptor of a namespace.
Napi::Value Close(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = info[0].As<Napi::Number>().Int32Value();
  Instance::Of(env)->namespaces.erase(fd);
  if (close(fd) != 0) Throw(env, Failure::Of("close"));
  return env.Undefined();
}

// A namespace bound to the file at `path`, which must exist.
Napi::Value BindNew(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path;
  if (!ReadPath(info[0], &path)) return env.Undefined();
  Failure failure = InNewNamespace([&]() -> Failure {
    if (mount("/proc/thread-self/ns/net", path.c_str(), "none", MS_BIND, nullptr) != 0) return Failure::Of("mount");
    return {};
  });
  if (failure) Throw(env, failure, path);
  return env.Undefined();
}

// Binds the namespace `fd` to the file at `path`, which must exist.
Napi::Value Bind(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string source = "/proc/self/fd/" + std::to_string(info[0].As<Napi::Number>().Int32Value());
  std::string path;
  if (!ReadPath(info[1], &path)) return env.Undefined();
  if (mount(source.c_str(), path.c_str(), "none", MS_BIND, nullptr) != 0) Throw(env, Failure::Of("mount"), path);
  return env.Undefined();
}

// Makes `path` a mount of its own that is shared with other mount namespaces, so that what is bound below is seen there.
Napi::Value Share(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path;
  if (!ReadPath(info[0], &path)) return env.Undefined();
  if (mount("", path.c_str(), "none", MS_SHARED | MS_REC, nullptr) == 0) return env.Undefined();
  if (errno == EINVAL && mount(path.c_str(), path.c_str(), "none", MS_BIND | MS_REC, nullptr) == 0 &&
      mount("", path.c_str(), "none", MS_SHARED | MS_REC, nullptr) == 0) {
    return env.Undefined();
  }
  Throw(env, Failure::Of("mount"), path);
  return env.Undefined();
}

Napi::Value Unmount(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path;
  if (!ReadPath(info[0], &path)) return env.Undefined();
  if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) Throw(env, Failure::Of("umount2"), path);
  return env.Undefined();
}

// Calls a function with the calling thread inside a namespace.
Napi::Value Enter(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = info[0].As<Napi::Number>().Int32Value();
  Napi::Function call = info[1].As<Napi::Function>();
  if (Failure failure = StartPool(env)) {
    Throw(env, failure);
    return env.Undefined();
  }
  Descriptor home(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!home.valid()) {
    Throw(env, Failure::Of("open"), "/proc/thread-self/ns/net");
    return env.Undefined();
  }
  // first home, as in InNamespace
  if (setns(home.get(), CLONE_NEWNET) != 0 || setns(fd, CLONE_NEWNET) != 0) {
    Throw(env, Failure::Of("setns"));
    return env.Undefined();
  }
  Napi::Value result = call.Call({});
  ComeHome(home.get());
  return result;
}

Failure ReadAll(const std::string& path, std::string* out) {
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return Failure::Of("open");
  char buffer[4096];
  for (;;) {
    ssize_t count = read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failure::Of("read");
    out->append(buffer, count);
    if (static_cast<size_t>(count) < sizeof buffer) return {};
  }
}

Failure WriteAll(const std::string& path, const std::string& text) {
  Descriptor fd(open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (!fd.valid()) return Failure::Of("open");
  ssize_t count;
  do count = write(fd.get(), text.data(), text.size());
  while (count < 0 && errno == EINTR);
  if (count < 0) return Failure::Of("write");
  if (static_cast<size_t>(count) != text.size()) return {EIO, "write"};
  return {};
}

// /proc/sys/net shows the namespace of the thread that opens it.
Napi::Value ReadFileIn(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path;
  if (!ReadPath(info[1], &path)) return env.Undefined();
  std::string text;
  Failure failure = InNamespace(info[0].As<Napi::Number>().Int32Value(), [&] { return ReadAll(path, &text); });
  if (failure) {
    Throw(env, failure, path);
    return env.Undefined();
  }
  return Napi::String::New(env, text);
}

Napi::Value WriteFileIn(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path;
  if (!ReadPath(info[1], &path)) return env.Undefined();
  std::string text = info[2].As<Napi::String>();
  Failure failure = InNamespace(info[0].As<Napi::Number>().Int32Value(), [&] { return WriteAll(path, text); });
  if (failure) Throw(env, failure, path);
  return env.Undefined();
}

// writeFilesIn(namespace, paths, texts): in one stay there; of each file the errno, 0 for what was written. What is thrown
// is that the namespace could not be entered.
Napi::Value WriteFilesIn(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto paths = info[1].As<Napi::Array>();
  auto texts = info[2].As<Napi::Array>();
  std::vector<std::pair<std::string, std::string>> files(paths.Length());
  for (uint32_t i = 0; i < files.size(); i++) {
    if (!ReadPath(paths[i], &files[i].first)) return env.Undefined();
    files[i].second = Napi::Value(texts[i]).As<Napi::String>();
  }
  std::vector<int> outcomes;
  Failure failure = InNamespace(info[0].As<Napi::Number>().Int32Value(), [&]() -> Failure {
    for (const auto& [path, text] : files) outcomes.push_back(WriteAll(path, text).number);
    return {};
  });
  if (failure) {
    Throw(env, failure);
    return env.Undefined();
  }
  Napi::Array out = Napi::Array::New(env, outcomes.size());
  for (uint32_t i = 0; i < outcomes.size(); i++) out.Set(i, outcomes[i]);
  return out;
}

}  // namespace

void InitNamespace(Napi::Env env, Napi::Object exports) {
  exports.Set("openNamespace", Napi::Function::New(env, Open, "openNamespace"));
  exports.Set("closeNamespace", Napi::Function::New(env, Close, "closeNamespace"));
  exports.Set("createAnonymousNamespace", Napi::Function::New(env, CreateAnonymous, "createAnonymousNamespace"));
  exports.Set("bindNewNamespace", Napi::Function::New(env, BindNew, "bindNewNamespace"));
  exports.Set("bindNamespace", Napi::Function::New(env, Bind, "bindNamespace"));
  exports.Set("shareMount", Napi::Function::New(env, Share, "shareMount"));
  exports.Set("unmount", Napi::Function::New(env, Unmount, "unmount"));
  exports.Set("enterNamespace", Napi::Function::New(env, Enter, "enterNamespace"));
  exports.Set("readFileIn", Napi::Function::New(env, ReadFileIn, "readFileIn"));
  exports.Set("writeFileIn", Napi::Function::New(env, WriteFileIn, "writeFileIn"));
  exports.Set("writeFilesIn", Napi::Function::New(env, WriteFilesIn, "writeFilesIn"));
}

}  // namespace shim
