// What needs a kernel: listing and adding routes in the namespace this program was started in, capturing dumps.
#include <arpa/inet.h>
#include <net/if.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "columns.h"
#include "peer.h"

#define RECEIVE (1 << 20)

static int open_socket(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) fail("socket: %s", strerror(errno));
  int on = 1, room = RECEIVE;
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  return fd;
}

typedef void sink(const uint8_t *datagram, size_t length, void *data);

// One dump of `type`; every datagram goes to `take`.
static void dump(int fd, int type, int family, uint8_t *buffer, sink *take, void *data) {
  struct {
    struct nlmsghdr header;
    union {
      struct rtmsg route;
      struct ifinfomsg link;
    } body;
  } request = {.header = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = 1}};
  request.header.nlmsg_len = NLMSG_LENGTH(type == RTM_GETROUTE ? sizeof request.body.route : sizeof request.body.link);
  request.body.route.rtm_family = family;
  if (send(fd, &request, request.header.nlmsg_len, 0) < 0) fail("send: %s", strerror(errno));
  for (bool done = false; !done;) {
    ssize_t length = recv(fd, buffer, RECEIVE, 0);
    if (length < 0) fail("recv: %s", strerror(errno));
    // DONE comes last, alone or after the last messages
    const struct nlmsghdr *message = (const void *)buffer;
    for (ssize_t at = 0; at < length; at += NLMSG_ALIGN(message->nlmsg_len)) {
      message = (const void *)(buffer + at);
      if (message->nlmsg_type == NLMSG_DONE) done = true;
      if (message->nlmsg_type == NLMSG_ERROR) fail("dump: %s", strerror(-*(int *)NLMSG_DATA(message)));
    }
    take(buffer, length, data);
  }
}

static void drop(const uint8_t *datagram, size_t length, void *data) {
  (void)datagram;
  *(size_t *)data += length;
}

static void decode(const uint8_t *datagram, size_t length, void *data) { decode_columns(datagram, length, data); }

void list_and_drop(const struct bench *bench, const char *input, int rounds, int items) {
  (void)input;
  int fd = open_socket();
  uint8_t *buffer = malloc(RECEIVE);
  double *samples = calloc(rounds, sizeof *samples);
  size_t bytes;
  for (int i = -2; i < rounds; i++) {
    bytes = 0;
    double start = now();
    dump(fd, RTM_GETROUTE, AF_INET, buffer, drop, &bytes);
    if (i >= 0) samples[i] = now() - start;
  }
  report(bench, samples, rounds, items);
}

void list_columns(const struct bench *bench, const char *input, int rounds, int items) {
  (void)input;
  int fd = open_socket();
  uint8_t *buffer = malloc(RECEIVE);
  double *samples = calloc(rounds, sizeof *samples);
  struct columns columns = new_columns(items * 2);
  for (int i = -2; i < rounds; i++) {
    columns.rows = 0;
    double start = now();
    dump(fd, RTM_GETROUTE, AF_INET, buffer, decode, &columns);
    if (i >= 0) samples[i] = now() - start;
  }
  report(bench, samples, rounds, columns.rows);
}

static void keep(const uint8_t *datagram, size_t length, void *data) {
  FILE **files = data;
  if (fwrite(datagram, 1, length, files[0]) != length) fail("cannot write the dump");
  fprintf(files[1], "%zu\n", length);
}

// capture routes|links FILE: the datagrams one after the other, and in FILE.lengths the bytes of each.
void capture(const char *what, const char *path) {
  char index[4096];
  snprintf(index, sizeof index, "%s.lengths", path);
  FILE *files[] = {fopen(path, "wb"), fopen(index, "w")};
  if (files[0] == NULL || files[1] == NULL) fail("%s: %s", path, strerror(errno));
  bool routes = strcmp(what, "routes") == 0;
  dump(open_socket(), routes ? RTM_GETROUTE : RTM_GETLINK, routes ? AF_INET : AF_UNSPEC, malloc(RECEIVE), keep, files);
  if (fclose(files[0]) != 0 || fclose(files[1]) != 0) fail("%s: %s", path, strerror(errno));
}

struct request {
  struct nlmsghdr header;
  struct rtmsg route;
  struct rtattr dst_head;
  uint32_t dst;
  struct rtattr gateway_head;
  uint32_t gateway;
  struct rtattr oif_head;
  uint32_t oif;
  struct rtattr priority_head;
  uint32_t priority;
};

#define MOST 4096

// Route n is 10.0.0.0 + 16 n, /28, through one of four gateways on link b0; batches ask for one acknowledgement.
static void change(int fd, int count, int batch_size, int type, int flags, uint32_t oif) {
  static struct request batch[MOST];
  static uint8_t answer[RECEIVE];
  for (int done = 0; done < count;) {
    int size = count - done < batch_size ? count - done : batch_size;
    for (int i = 0; i < size; i++, done++) {
      int ack = i == size - 1 ? NLM_F_ACK : 0;
      batch[i] = (struct request){
          .header = {sizeof(struct request), type, NLM_F_REQUEST | flags | ack, done + 1, 0},
          .route = {.rtm_family = AF_INET, .rtm_dst_len = 28, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BIRD,
                    .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST},
          .dst_head = {8, RTA_DST}, .dst = htonl(0x0a000000 + 16 * done),
          .gateway_head = {8, RTA_GATEWAY}, .gateway = htonl(0xc0000202 + (done & 3)),
          .oif_head = {8, RTA_OIF}, .oif = oif,
          .priority_head = {8, RTA_PRIORITY}, .priority = 32};
    }
    if (send(fd, batch, size * sizeof(struct request), 0) < 0) fail("send: %s", strerror(errno));
    // errors of earlier messages come before the acknowledgement of the last
    ssize_t length = recv(fd, answer, sizeof answer, 0);
    const struct nlmsghdr *head = (const void *)answer;
    if (length < 0 || head->nlmsg_type != NLMSG_ERROR) fail("recv: %s", strerror(errno));
    int error = *(const int *)NLMSG_DATA(head);
    if (error != 0) fail("route %u: %s", head->nlmsg_seq - 1, strerror(-error));
  }
}

static uint32_t link_index(void) {
  uint32_t index = if_nametoindex("b0");
  if (index == 0) fail("b0: %s", strerror(errno));
  return index;
}

void fill(int count) {
  change(open_socket(), count, 512, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, link_index());
}

static void measure_changes(const struct bench *bench, const char *input, int rounds, int items, bool adds) {
  int batch_size = input[0] == '-' ? 512 : atoi(input);
  if (batch_size < 1 || batch_size > MOST) fail("a batch of %s messages", input);
  int fd = open_socket();
  uint32_t oif = link_index();
  double *samples = calloc(rounds, sizeof *samples);
  for (int i = -1; i < rounds; i++) {
    double start = now();
    change(fd, items, batch_size, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, oif);
    double middle = now();
    change(fd, items, batch_size, RTM_DELROUTE, 0, oif);
    if (i >= 0) samples[i] = adds ? middle - start : now() - middle;
  }
  report(bench, samples, rounds, items);
}

void add_batched(const struct bench *bench, const char *input, int rounds, int items) {
  measure_changes(bench, input, rounds, items, true);
}

void delete_batched(const struct bench *bench, const char *input, int rounds, int items) {
  measure_changes(bench, input, rounds, items, false);
}
