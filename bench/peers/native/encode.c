// Encoding an RTM_NEWROUTE with eight attributes, as a program does that knows its message.
#include <sys/socket.h>

#include "columns.h"
#include "peer.h"

static inline size_t put(uint8_t *message, size_t at, uint16_t type, const void *value, uint16_t length) {
  struct rtattr head = {RTA_LENGTH(length), type};
  memcpy(message + at, &head, sizeof head);
  memcpy(message + at + sizeof head, value, length);
  return at + RTA_SPACE(length);
}

struct route_input {
  uint8_t dst[4], src[4], gateway[4], prefsrc[4];
  uint32_t table, oif, priority, mark;
};

__attribute__((noinline)) static size_t encode(uint8_t *message, const struct route_input *input, uint32_t sequence) {
  struct rtmsg route = {.rtm_family = AF_INET, .rtm_dst_len = 28, .rtm_src_len = 24, .rtm_table = RT_TABLE_UNSPEC,
                        .rtm_protocol = RTPROT_BIRD, .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
  memcpy(message + NLMSG_HDRLEN, &route, sizeof route);
  size_t at = NLMSG_LENGTH(sizeof route);
  at = put(message, at, RTA_TABLE, &input->table, 4);
  at = put(message, at, RTA_DST, input->dst, 4);
  at = put(message, at, RTA_SRC, input->src, 4);
  at = put(message, at, RTA_GATEWAY, input->gateway, 4);
  at = put(message, at, RTA_PREFSRC, input->prefsrc, 4);
  at = put(message, at, RTA_OIF, &input->oif, 4);
  at = put(message, at, RTA_PRIORITY, &input->priority, 4);
  at = put(message, at, RTA_MARK, &input->mark, 4);
  struct nlmsghdr header = {at, RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence, 0};
  memcpy(message, &header, sizeof header);
  return at;
}

static struct route_input example(void) {
  return (struct route_input){{10, 1, 2, 16}, {10, 9, 8, 0}, {192, 0, 2, 2}, {192, 0, 2, 1}, 1000, 3, 32, 7};
}

// Prints the message whose oif and sequence number are 3, so that rivals can be seen to encode the same.
void show_encoded(void) {
  uint8_t message[256];
  struct route_input route = example();
  size_t length = encode(message, &route, 3);
  for (size_t i = 0; i < length; i++) printf("%02x", message[i]);
  printf("\n");
}

void encode_by_hand(const struct bench *bench, const char *input, int rounds, int items) {
  (void)input;
  uint8_t message[256];
  struct route_input route = example();
  double *samples = calloc(rounds, sizeof *samples);
  size_t bytes = 0;
  for (int i = -2; i < rounds; i++) {
    double start = now();
    for (int n = 0; n < items; n++) {
      route.oif = n;
      bytes += encode(message, &route, n);
    }
    if (i >= 0) samples[i] = now() - start;
  }
  if (bytes != (size_t)92 * items * (rounds + 2)) fail("encoded %zu bytes", bytes);
  report(bench, samples, rounds, items);
}
