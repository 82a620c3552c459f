// list-routes ROUNDS: asks the kernel for all IPv4 routes of this namespace and drops the answer.
#include <stdbool.h>
#include <sys/socket.h>

#include "peer.h"
#include "route.h"

#define BUFFER (1 << 20)

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 10;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  int on = 1;
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  uint8_t *buffer = malloc(BUFFER);
  double *samples = calloc(rounds, sizeof *samples);
  size_t items = 0;
  for (int round = -1; round < rounds; round++) {
    struct {
      struct nlmsghdr header;
      struct rtmsg route;
    } request = {.header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = round + 2},
                 .route = {.rtm_family = AF_INET}};
    double start = now();
    if (send(fd, &request, sizeof request, 0) < 0) return 1;
    items = 0;
    for (bool done = false; !done;) {
      ssize_t length = recv(fd, buffer, BUFFER, 0);
      if (length < 0) return 1;
      uint8_t *last = buffer;
      for (ssize_t at = 0; at < length;) {
        const struct nlmsghdr *message = (const void *)(buffer + at);
        last = buffer + at;
        items += message->nlmsg_type == RTM_NEWROUTE;
        at += NLMSG_ALIGN(message->nlmsg_len);
      }
      done = ((const struct nlmsghdr *)last)->nlmsg_type == NLMSG_DONE;
    }
    if (round >= 0) samples[round] = now() - start;
  }
  report("list routes", "C that receives and drops", samples, rounds, items);
}
