// Plays the container runtime: starts CNI plugins, a process each, and measures from before the start to after the exit.
// native launch PLAN: one line of JSON out for each step. Lines of a plan, fields parted by one space:
//   host NAME NAMESPACE DIRECTORY       a contestant: where its plugins are started, and where they are
//   plugin NAME TYPE CONFIG             the next of its list; CONFIG is the rest of the line
//   run NAME COMMAND CONTAINER NAMESPACE INTERFACE [CONTAINER NAMESPACE INTERFACE ...]
// All containers of a step go through the list at the same time. An ADD's result is the next plugin's prevResult, and the
// last one's is that of the container's other commands.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"

#define PLUGINS 8
#define RESULT (64 * 1024)  // no more than a pipe holds: a config is written before the plugin is started

struct host {
  char *name, *directory, *types[PLUGINS], *configs[PLUGINS];
  int space, count;
};

struct container {
  char *id, *result;
};

struct chain {
  int container;
  char *netns, *ifname, *output;
  size_t size;
  int place, pipe;  // index of the plugin that runs, and its stdout; -1: none
  pid_t pid;
  double started, took[PLUGINS];
};

static struct host hosts[16];
static struct container *containers;
static int host_count, container_count;

static char *next_field(char **at) {
  char *field = strsep(at, " ");
  if (field == NULL || *field == 0) fail("the plan lacks a field");
  return field;
}

static struct host *host_named(const char *name) {
  for (int i = 0; i < host_count; i++)
    if (strcmp(hosts[i].name, name) == 0) return &hosts[i];
  fail("no host %s", name);
}

static int container_named(char *id) {
  for (int i = 0; i < container_count; i++)
    if (strcmp(containers[i].id, id) == 0) return i;
  if (container_count % 1024 == 0) containers = realloc(containers, (container_count + 1024) * sizeof *containers);
  containers[container_count] = (struct container){id, NULL};
  return container_count++;
}

// The config with what the plugin before it said; NULL when the config is to be used as it is.
static char *with_result(const char *config, const char *result) {
  static char text[2 * RESULT];
  if (result == NULL || *result == 0) return NULL;
  size_t length = strlen(config);
  while (length > 0 && config[length - 1] != '}') length--;
  if (length == 0) fail("a config is no object");
  int size = snprintf(text, sizeof text, "%.*s,\"prevResult\":%s}", (int)length - 1, config, result);
  if (size >= RESULT) fail("a result is too large");
  return text;
}

static void start(const struct host *host, struct chain *chain, const char *command) {
  char path[4096], pairs[6][4200];
  snprintf(path, sizeof path, "%s/%s", host->directory, host->types[chain->place]);
  const struct container *container = &containers[chain->container];
  const char *values[] = {getenv("PATH"), command, container->id, chain->netns, chain->ifname, host->directory};
  const char *names[] = {"PATH", "CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"};
  char *environment[7] = {0}, *arguments[] = {path, NULL};
  for (int i = 0; i < 6; i++) {
    snprintf(pairs[i], sizeof pairs[i], "%s=%s", names[i], values[i] == NULL ? "" : values[i]);
    environment[i] = pairs[i];
  }
  const char *config = host->configs[chain->place];
  const char *joined = with_result(config, container->result);
  if (joined != NULL) config = joined;

  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) fail("pipe: %s", strerror(errno));
  size_t size = strlen(config);
  if (write(in[1], config, size) != (ssize_t)size) fail("a config does not fit a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  close(in[1]);
  chain->started = now();
  int error = posix_spawn(&chain->pid, path, &actions, NULL, arguments, environment);
  if (error != 0) fail("%s: %s", path, strerror(error));
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  chain->pipe = out[0];
  chain->size = 0;
}

// Takes what a plugin says; false when it has ended.
static bool take(const struct host *host, struct chain *chain, const char *command) {
  ssize_t count = read(chain->pipe, chain->output + chain->size, RESULT - 1 - chain->size);
  if (count > 0) {
    chain->size += count;
    return true;
  }
  int status;
  if (waitpid(chain->pid, &status, 0) < 0) fail("waitpid: %s", strerror(errno));
  chain->took[chain->place] = now() - chain->started;
  close(chain->pipe);
  chain->pipe = -1;
  chain->output[chain->size] = 0;
  struct container *container = &containers[chain->container];
  if (status != 0)
    fail("%s/%s %s %s: status %d: %s", host->directory, host->types[chain->place], command, container->id, status,
         chain->output);
  if (strcmp(command, "ADD") == 0) {
    free(container->result);
    container->result = strdup(chain->output);
  }
  return false;
}

static void run_step(char *at) {
  const struct host *host = host_named(next_field(&at));
  const char *command = next_field(&at);
  const bool backwards = strcmp(command, "DEL") == 0;
  static struct chain chains[1024];
  int count = 0;
  while (at != NULL && count < 1024) {
    struct chain *chain = &chains[count++];
    if (chain->output == NULL) chain->output = malloc(RESULT);
    chain->container = container_named(next_field(&at));
    chain->netns = next_field(&at);
    chain->ifname = next_field(&at);
    if (strcmp(command, "ADD") == 0) {
      free(containers[chain->container].result);
      containers[chain->container].result = NULL;
    }
    chain->place = backwards ? host->count - 1 : 0;
    chain->pipe = -1;
  }
  if (setns(host->space, CLONE_NEWNET) < 0) fail("setns: %s", strerror(errno));
  static struct pollfd watched[1024];
  double begun = now();
  for (int started = 0, left = count; left > 0;) {
    if (started < count) {
      start(host, &chains[started++], command);
    }
    for (int i = 0; i < started; i++) watched[i] = (struct pollfd){chains[i].pipe, POLLIN, 0};
    // those that wait for their next plugin come before those that have not begun
    if (poll(watched, started, started < count ? 0 : -1) < 0 && errno != EINTR) fail("poll: %s", strerror(errno));
    for (int i = 0; i < started; i++) {
      struct chain *chain = &chains[i];
      if (watched[i].revents == 0 || take(host, chain, command)) continue;
      chain->place += backwards ? -1 : 1;
      if (chain->place >= 0 && chain->place < host->count) start(host, chain, command);
      else left--;
    }
  }
  double wall = now() - begun;
  printf("{\"host\":\"%s\",\"command\":\"%s\",\"wall\":%.0f,\"took\":[", host->name, command, wall);
  for (int i = 0; i < count; i++) {
    printf("%s[", i == 0 ? "" : ",");
    for (int n = 0; n < host->count; n++) printf("%s%.0f", n == 0 ? "" : ",", chains[i].took[n]);
    printf("]");
  }
  printf("]}\n");
  fflush(stdout);
}

void launch(const char *plan) {
  FILE *file = fopen(plan, "r");
  if (file == NULL) fail("%s: %s", plan, strerror(errno));
  char *line = NULL;
  size_t room = 0;
  for (ssize_t length; (length = getline(&line, &room, file)) > 0;) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    char *at = strdup(line);  // kept: names point into it
    const char *what = next_field(&at);
    if (strcmp(what, "host") == 0) {
      struct host *host = &hosts[host_count++];
      if (host_count > 16) fail("too many hosts");
      host->name = next_field(&at);
      const char *space = next_field(&at);
      host->space = open(space, O_RDONLY | O_CLOEXEC);
      if (host->space < 0) fail("%s: %s", space, strerror(errno));
      host->directory = next_field(&at);
    } else if (strcmp(what, "plugin") == 0) {
      struct host *host = host_named(next_field(&at));
      if (host->count == PLUGINS) fail("too many plugins");
      host->types[host->count] = next_field(&at);
      host->configs[host->count++] = at;
    } else if (strcmp(what, "run") == 0) run_step(at);
    else fail("unknown line of a plan: %s", what);
  }
  fclose(file);
}
