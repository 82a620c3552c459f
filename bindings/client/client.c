// The CNI client: what `netloom install` puts under every plugin's name. It hands the call to the daemon; where none
// serves it, it becomes the one-shot plugin. It knows neither JSON nor networks, and waits for nothing without an end.
//
// A call is: "NLM" and the protocol's version; the number of bytes that follow; texts that end with NUL: the plugin's
// name, the caller's network namespace, its directory, the variables, and an empty one; then the config. With it travels
// a descriptor of the container's namespace. An answer is: the same four bytes; status; lengths of stdout and of stderr;
// both. An answer that begins otherwise is another version's, which then has done nothing.
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/stat.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "system.h"

#define VERSION "NLM\1"
#define ONE_SHOT 255         // status: not served by the daemon, which has done nothing
#define LARGEST (1 << 20)    // bytes of a config
#define STDIN_PATIENCE 60    // seconds
#define SEND_PATIENCE 10
#define ANSWER_PATIENCE 150

// Filled in by the installer, which finds it by its first bytes. The options, texts one after the other, are for the
// Node of that size and time of change: another might not know them.
struct settings {
  char mark[16];
  uint64_t node_size, node_changed;
  char socket[sizeof((struct sockaddr_un *)0)->sun_path], node[1024], program[1024], options[256];
};
const volatile struct settings settings __attribute__((used, aligned(16))) = {"netloom-settings", 0, 0, "", "", "", ""};

// What the plugin gets of the environment; all else stays outside.
static const char *const passed[] = {
    "CNI_COMMAND=", "CNI_CONTAINERID=", "CNI_NETNS=", "CNI_IFNAME=", "CNI_ARGS=", "CNI_PATH=", "CNI_NETNS_OVERRIDE=",
    "PATH=", "DBUS_SYSTEM_BUS_ADDRESS=", "LISTEN_PID=", "LISTEN_FDS=",
};
enum { COMMAND, NETNS = 2, PATH = 7, ALL = sizeof passed / sizeof *passed };

static char *values[ALL];  // the whole NAME=VALUE, or NULL
static char request[LARGEST + (256 << 10)], answer[4 << 20];
static size_t used, config_at;
static char **arguments;
static char *plugin;

static void finish(int status) {
  for (;;) SYSTEM(exit_group, status, 0, 0, 0, 0);
}

static int starts(const char *text, const char *beginning) {
  while (*beginning != 0 && *text == *beginning) text++, beginning++;
  return *beginning == 0;
}

static void print(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    long count = SYSTEM(write, fd, bytes, size, 0, 0);
    if (count < 0) finish(1);
    bytes += count, size -= count;
  }
}

static void fail(const char *error) {
  print(1, error, strlen(error));
  finish(1);
}

#define ERROR(code, text) "{\"cniVersion\":\"1.1.0\",\"code\":" code ",\"msg\":\"" text "\"}\n"

static int is_add(void) { return values[COMMAND] != NULL && starts(values[COMMAND], "CNI_COMMAND=ADD"); }

static long now(void) {
  struct timespec time;
  SYSTEM(clock_gettime, CLOCK_MONOTONIC, &time, 0, 0, 0);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

// False when the deadline (ms) comes first.
static int wait_for(int fd, short events, long deadline) {
  for (;;) {
    long left = deadline - now();
    if (left <= 0) return 0;
    struct pollfd one = {fd, events, 0};
    struct timespec time = {left / 1000, left % 1000 * 1000000};
    long count = SYSTEM(ppoll, &one, 1, &time, 0, 0);
    if (count > 0) return 1;
    if (count < 0 && count != -4) return 0;  // EINTR
  }
}

static int is_known_node(void) {
  struct statx status;
  return SYSTEM(statx, AT_FDCWD, (char *)settings.node, 0, STATX_SIZE | STATX_MTIME, &status) == 0 &&
         status.stx_size == settings.node_size && (uint64_t)status.stx_mtime.tv_sec == settings.node_changed;
}

// Becomes the plugin that needs no daemon, with what was read of the config.
static void become_one_shot(void) {
  static char *environment[ALL + 1], *command[64];
  if (config_at > 0) {
    int fd = SYSTEM(memfd_create, "config", MFD_CLOEXEC, 0, 0, 0);
    const char *bytes = request + config_at;
    for (size_t size = used - config_at; size > 0;) {
      long count = SYSTEM(write, fd, bytes, size, 0, 0);
      if (count < 0) fail(ERROR("5", "the config cannot be handed over"));
      bytes += count, size -= count;
    }
    if (SYSTEM(lseek, fd, 0, 0, 0, 0) < 0 || SYSTEM(dup3, fd, 0, 0, 0, 0) < 0)
      fail(ERROR("5", "the config cannot be handed over"));
  }
  int count = 0;
  for (int i = 0; i < ALL; i++)
    if (values[i] != NULL) environment[count++] = values[i];
  if (values[PATH] == NULL) environment[count] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  count = 0;
  command[count++] = (char *)settings.node;
  // an argument makes it another program than a plugin: dhcp daemon
  if (arguments[0] != NULL && arguments[1] == NULL && is_known_node())
    for (char *option = (char *)settings.options; *option != 0 && count < 10; option += strlen(option) + 1)
      command[count++] = option;
  command[count++] = (char *)settings.program, command[count++] = plugin;
  for (int i = 1; arguments[0] != NULL && arguments[i] != NULL && count < 63; i++) command[count++] = arguments[i];
  SYSTEM(execve, command[0], command, environment, 0, 0);
  fail(ERROR("50", "neither the daemon nor the Node.js of this installation can be reached: run netloom install again"));
}

static void put(const char *text, size_t size) {
  if (used + size > sizeof request) fail(ERROR("4", "the environment is too large"));
  memcpy(request + used, text, size);
  used += size;
}

static void put_text(const char *text) { put(text, strlen(text) + 1); }

static void read_config(void) {
  long deadline = now() + STDIN_PATIENCE * 1000;
  config_at = used;
  for (;;) {
    if (!wait_for(0, POLLIN, deadline)) fail(ERROR("5", "error reading from stdin: it does not end"));
    long count = SYSTEM(read, 0, request + used, sizeof request - used, 0, 0);
    if (count == -11 || count == -4) continue;  // EAGAIN, EINTR
    if (count < 0) fail(ERROR("5", "error reading from stdin"));
    if (count == 0) return;
    used += count;
    if (used - config_at > LARGEST || used == sizeof request) fail(ERROR("7", "the config is larger than 1 MiB"));
  }
}

static int connect_daemon(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, (const char *)settings.socket, sizeof address.sun_path);
  if (address.sun_path[0] == 0) return -1;
  int fd = SYSTEM(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0);
  // a queue that is full makes connect(2) wait, as long as sending may
  struct timeval patience = {SEND_PATIENCE, 0};
  SYSTEM(setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (fd < 0 || SYSTEM(connect, fd, &address, sizeof address, 0, 0) < 0) return -1;
  return fd;
}

// The namespace goes with the first bytes. False when not all could be sent.
static int send_request(int fd) {
  long space = values[NETNS] == NULL || values[NETNS][10] == 0
                   ? -1
                   : SYSTEM(openat, AT_FDCWD, values[NETNS] + 10, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0);
  long deadline = now() + SEND_PATIENCE * 1000;
  for (size_t sent = 0; sent < used;) {
    struct iovec piece = {request + sent, used - sent};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    union {
      struct cmsghdr head;
      char bytes[CMSG_SPACE(sizeof(int))];
    } control = {{CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    if (space >= 0 && sent == 0) {
      int passed_fd = (int)space;
      memcpy(CMSG_DATA(&control.head), &passed_fd, sizeof passed_fd);
      message.msg_control = &control, message.msg_controllen = sizeof control;
    }
    if (!wait_for(fd, POLLOUT, deadline)) return 0;
    long count = SYSTEM(sendmsg, fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
    if (count == -11 || count == -4) continue;
    if (count < 0) return 0;
    sent += count;
  }
  return 1;
}

// Reads the answer and passes it on. Returns when there is none: true where the daemon has certainly done nothing.
static int receive_answer(int fd) {
  struct head {
    char version[4];
    uint32_t status, out, error;
  };
  const struct head *head = (const struct head *)answer;
  long deadline = now() + ANSWER_PATIENCE * 1000;
  for (size_t size = 0;;) {
    if (size >= sizeof *head && head->status == ONE_SHOT) return 1;
    if (size >= sizeof *head && head->out <= sizeof answer && head->error <= sizeof answer &&
        size == sizeof *head + head->out + head->error) {
      print(2, answer + sizeof *head + head->out, head->error);
      print(1, answer + sizeof *head, head->out);
      finish(head->status);
    }
    if (size == sizeof answer || !wait_for(fd, POLLIN, deadline)) return 0;
    long count = SYSTEM(recvfrom, fd, answer + size, sizeof answer - size, MSG_DONTWAIT, 0);
    if (count == -11 || count == -4) continue;
    if (count <= 0) return 0;
    size += count;
    if (size >= 4 && !starts(answer, VERSION)) return 1;
  }
}

__attribute__((used)) void begin(char **stack) {
  size_t count = (size_t)stack[0];
  arguments = stack + 1;
  plugin = count > 0 ? arguments[0] : "";
  for (char *at = plugin; *at != 0; at++)
    if (*at == '/') plugin = at + 1;
  for (char **variable = arguments + count + 1; *variable != NULL; variable++)
    for (int i = 0; i < ALL; i++)
      if (values[i] == NULL && starts(*variable, passed[i])) values[i] = *variable;

  const int asked = count == 1 && values[COMMAND] != NULL && values[COMMAND][12] != 0;
  int fd = asked ? connect_daemon() : -1;
  if (fd < 0) become_one_shot();

  static char place[4096];
  put(VERSION "\0\0\0\0", 8);
  put_text(plugin);
  SYSTEM(readlinkat, AT_FDCWD, "/proc/self/ns/net", place, sizeof place - 1, 0);
  put_text(place);
  place[0] = 0;
  SYSTEM(getcwd, place, sizeof place, 0, 0, 0);
  put_text(place);
  for (int i = 0; i < PATH; i++)
    if (values[i] != NULL) put_text(values[i]);
  put("", 1);
  // of VERSION nobody reads the config
  if (!starts(values[COMMAND], "CNI_COMMAND=VERSION")) read_config();
  uint32_t size = used - 8;
  memcpy(request + 4, &size, sizeof size);

  if (!send_request(fd) || receive_answer(fd) || !is_add()) become_one_shot();
  // it may be half made, or whole: the runtime deletes it, as after any ADD that failed, and may try again
  fail(ERROR("11", "the daemon ended, or did not answer: try again later"));
}
