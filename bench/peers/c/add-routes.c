// add-routes COUNT ROUNDS: adds and deletes routes over v0 in batches, acknowledging only the last of each.
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "peer.h"
#include "route.h"

#define BATCH 512

struct request {
  struct nlmsghdr header;
  struct rtmsg route;
  struct rtattr dst_head;
  uint32_t dst;
  struct rtattr gateway_head;
  uint32_t gateway;
};

static void run(int fd, int count, int type, int flags) {
  static struct request batch[BATCH];
  static uint8_t answer[65536];
  uint32_t sequence = 1;
  for (int done = 0; done < count;) {
    int size = count - done < BATCH ? count - done : BATCH;
    for (int i = 0; i < size; i++, done++) {
      batch[i] = (struct request){
          .header = {sizeof(struct request), type, NLM_F_REQUEST | flags | (i == size - 1 ? NLM_F_ACK : 0), sequence++, 0},
          .route = {.rtm_family = AF_INET, .rtm_dst_len = 24, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
                    .rtm_scope = type == RTM_NEWROUTE ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE, .rtm_type = RTN_UNICAST},
          .dst_head = {8, RTA_DST}, .dst = htonl(((11u + (done >> 16)) << 24) | ((done & 0xffff) << 8)),
          .gateway_head = {8, RTA_GATEWAY}, .gateway = htonl(0x0a000002)};
    }
    if (send(fd, batch, size * sizeof(struct request), 0) < 0) exit(1);
    ssize_t length = recv(fd, answer, sizeof answer, 0);
    if (length < 0 || *(int *)(answer + 16) != 0) {
      fprintf(stderr, "error %d\n", -*(int *)(answer + 16));
      exit(1);
    }
  }
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 20000, rounds = argc > 2 ? atoi(argv[2]) : 5;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  int on = 1;
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  double *samples = calloc(rounds, sizeof *samples);
  for (int i = 0; i < rounds; i++) {
    double start = now();
    run(fd, count, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
    samples[i] = now() - start;
    run(fd, count, RTM_DELROUTE, 0);
  }
  report("add routes in batches", "C batched the same way", samples, rounds, count);
}
