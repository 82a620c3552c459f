// The floor of an attachment: sends the messages that bench/cni/record.ts wrote down, and nothing else.
// native attach SCRIPT ROUNDS, or native detach, which times what takes it back: in the host's namespace.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#define MOST 64
#define ROOM (256 * 1024)

enum { HOST, POD, NETFILTER, SOCKETS };
enum { PORT_INDEX, POD_INDEX, GENERATION, INDEXES };

struct exchange {
  bool undo;
  int socket, learns;
  uint32_t sequence;
  uint8_t bytes[4096];
  size_t length;
  size_t patches[INDEXES][16], patch_count[INDEXES];
};

static struct exchange exchanges[MOST];
static int exchange_count, pod_descriptor;
static char pod_path[256];
static uint8_t answer[ROOM];

static void read_patches(struct exchange *one, int which, char *text) {
  if (strcmp(text, "-") == 0) return;
  for (char *at = strtok(text, ","); at != NULL; at = strtok(NULL, ",")) {
    one->patches[which][one->patch_count[which]++] = strtoul(at, NULL, 10);
  }
}

static void read_script(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) fail("%s: %s", path, strerror(errno));
  if (fscanf(file, "%255s %d", pod_path, &pod_descriptor) != 2) fail("%s: no script", path);
  char when[8], socket[16], learns[16], hex[8192], ports[128], pods[128], generations[128];
  struct exchange *one = exchanges;
  while (exchange_count < MOST && fscanf(file, "%7s %15s %15s %u %8191s %127s %127s %127s", when, socket, learns,
                                         &one->sequence, hex, ports, pods, generations) == 8) {
    one->undo = when[0] == 'u';
    one->socket = socket[0] == 'h' ? HOST : socket[0] == 'p' ? POD : NETFILTER;
    one->learns = strcmp(learns, "port") == 0  ? PORT_INDEX
                  : strcmp(learns, "pod") == 0 ? POD_INDEX
                  : learns[0] == 'g'           ? GENERATION
                                               : -1;
    one->length = strlen(hex) / 2;
    for (size_t i = 0; i < one->length; i++) sscanf(hex + 2 * i, "%2hhx", one->bytes + i);
    read_patches(one, PORT_INDEX, ports);
    read_patches(one, POD_INDEX, pods);
    read_patches(one, GENERATION, generations);
    one++;
    exchange_count++;
  }
  fclose(file);
}

static int open_socket(int protocol) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) fail("socket: %s", strerror(errno));
  int on = 1, room = 1 << 20;
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  return fd;
}

// The other end's index, which the kernel tells with a pair that it has made.
static void learn_peer(const struct nlmsghdr *message, uint32_t *index) {
  int left = IFLA_PAYLOAD(message);
  for (const struct rtattr *one = IFLA_RTA(NLMSG_DATA(message)); RTA_OK(one, left); one = RTA_NEXT(one, left)) {
    if (one->rta_type == IFLA_LINK) memcpy(index, RTA_DATA(one), sizeof *index);
  }
}

// Sends one request and takes everything up to the answer that is the last.
static void run(struct exchange *one, int fd, uint32_t *indexes) {
  for (int which = 0; which < INDEXES; which++) {
    for (size_t i = 0; i < one->patch_count[which]; i++) {
      memcpy(one->bytes + one->patches[which][i], &indexes[which], sizeof *indexes);
    }
  }
  if (send(fd, one->bytes, one->length, 0) < 0) fail("send: %s", strerror(errno));
  for (bool done = false; !done;) {
    ssize_t length = recv(fd, answer, sizeof answer, 0);
    if (length < 0) fail("recv: %s", strerror(errno));
    const struct nlmsghdr *message = (const void *)answer;
    for (ssize_t at = 0; at < length; at += NLMSG_ALIGN(message->nlmsg_len)) {
      message = (const void *)(answer + at);
      if (message->nlmsg_type == NLMSG_ERROR && *(int *)NLMSG_DATA(message) != 0) {
        fail("message %u: %s", message->nlmsg_seq, strerror(-*(int *)NLMSG_DATA(message)));
      }
      // NFT_MSG_NEWGEN: NFTA_GEN_ID comes first
      if (one->learns == GENERATION && message->nlmsg_type == (10 << 8 | 15)) {
        memcpy(&indexes[GENERATION], (const uint8_t *)message + 24, sizeof *indexes);
      } else if (one->learns >= 0 && message->nlmsg_type == RTM_NEWLINK) {
        indexes[one->learns] = ((struct ifinfomsg *)NLMSG_DATA(message))->ifi_index;
        if (one->learns == PORT_INDEX) learn_peer(message, &indexes[POD_INDEX]);
      }
      bool ends = message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE;
      if (ends && message->nlmsg_seq == one->sequence) done = true;
    }
  }
}

void attach(const char *script, int rounds, bool back) {
  read_script(script);
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  double *samples = calloc(rounds, sizeof *samples);
  for (int i = -10; i < rounds; i++) {
    uint32_t indexes[INDEXES] = {0};
    int sockets[SOCKETS] = {-1, -1, -1};
    double start = now();
    int opened = open(pod_path, O_RDONLY | O_CLOEXEC);
    if (opened < 0) fail("%s: %s", pod_path, strerror(errno));
    // the messages name it by this number
    if (opened != pod_descriptor && dup2(opened, pod_descriptor) < 0) fail("dup2: %s", strerror(errno));
    for (int n = 0; n < exchange_count && !exchanges[n].undo; n++) {
      int *fd = &sockets[exchanges[n].socket];
      if (*fd < 0) {
        bool inside = exchanges[n].socket == POD;
        if (inside && setns(pod_descriptor, CLONE_NEWNET) < 0) fail("setns: %s", strerror(errno));
        *fd = open_socket(exchanges[n].socket == NETFILTER ? NETLINK_NETFILTER : NETLINK_ROUTE);
        if (inside && setns(home, CLONE_NEWNET) < 0) fail("setns: %s", strerror(errno));
      }
      run(&exchanges[n], *fd, indexes);
    }
    if (i >= 0 && !back) samples[i] = now() - start;
    start = now();
    for (int n = 0; n < exchange_count; n++) {
      if (exchanges[n].undo) run(&exchanges[n], sockets[exchanges[n].socket], indexes);
    }
    if (i >= 0 && back) samples[i] = now() - start;
    for (int n = 0; n < SOCKETS; n++) close(sockets[n]);
    close(pod_descriptor);
    if (opened != pod_descriptor) close(opened);
  }
  struct bench bench = {back ? "detach" : "attach", "C that sends the same messages", NULL};
  report(&bench, samples, rounds, 1);
}
