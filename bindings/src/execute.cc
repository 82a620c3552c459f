// Becoming another program inside a network namespace.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "shim.h"

namespace shim {
namespace {

struct Bind {
  std::string source;
  std::string target;
};

struct Program {
  std::vector<Bind> binds;
  // Files that only the binds need, and their directory.
  std::vector<std::string> temporary;
  bool sys = false;
  std::string file;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  // What a failure is about.
  std::string path;
};

std::vector<std::string> Strings(const Napi::Value& value) {
  std::vector<std::string> out;
  Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) out.push_back(array.Get(i).As<Napi::String>());
  return out;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// A mount namespace of this thread's own, in which nothing spreads to others.
Failure OwnMounts(Program& program) {
  if (program.binds.empty() && !program.sys) return {};
  if (unshare(CLONE_NEWNS) != 0) return Failure::Of("unshare");
  if (mount("", "/", "none", MS_SLAVE | MS_REC, nullptr) != 0) return Failure::Of("mount");
  if (program.sys) {
    program.path = "/sys";
    umount2("/sys", MNT_DETACH);
    if (mount("netloom", "/sys", "sysfs", 0, nullptr) != 0) return Failure::Of("mount");
  }
  for (const Bind& bind : program.binds) {
    program.path = bind.target;
    if (mount(bind.source.c_str(), bind.target.c_str(), "none", MS_BIND, nullptr) != 0) return Failure::Of("mount");
  }
  for (const std::string& file : program.temporary) remove(file.c_str());
  return {};
}

// What the program inherits shall be as it was before Node: it ignores some signals, keeps descriptors 0 to 2 for itself,
// and has pipes among them not wait.
void Restore() {
  for (int fd = 0; fd <= 2; fd++) {
    fcntl(fd, F_SETFD, 0);
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

// Replaces this process with a program inside the namespace `fd`. It is done on a thread of its own, whose namespaces
// the program gets: where it fails, the process is as it was. Returns only then.
Napi::Value Execute(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = info[0].As<Napi::Number>().Int32Value();
  Program program;
  program.arguments = Strings(info[1]);
  program.environment = Strings(info[2]);
  std::vector<std::string> binds = Strings(info[3]);
  for (size_t i = 0; i + 1 < binds.size(); i += 2) program.binds.push_back({binds[i], binds[i + 1]});
  program.temporary = Strings(info[4]);
  program.sys = info[5].As<Napi::Boolean>();
  program.file = program.arguments.at(0);
  std::vector<char*> arguments = Pointers(program.arguments);
  std::vector<char*> environment = Pointers(program.environment);
  // the network first: /sys shows that of the thread which mounts it
  Failure failure = InNamespace(fd, [&]() -> Failure {
    if (Failure refused = OwnMounts(program)) return refused;
    program.path = program.file;
    Restore();
    execvpe(program.file.c_str(), arguments.data(), environment.data());
    return Failure::Of("execve");
  });
  Throw(env, failure, program.path);
  return env.Undefined();
}

}  // namespace

void InitExecute(Napi::Env env, Napi::Object exports) {
  exports.Set("execute", Napi::Function::New(env, Execute, "execute"));
}

}  // namespace shim
