// Decoding a run of RTM_NEWROUTE messages to columns, as a C programmer would write it by hand.
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct columns {
  uint32_t *table, *oif, *priority;
  uint8_t *dst_len, *protocol, *scope, *type;
  uint32_t *dst, *gateway;  // IPv4
  size_t rows;
};

static inline uint32_t word(const void *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

// Takes every RTM_NEWROUTE of a block; returns how many messages there were.
static size_t decode(const uint8_t *block, size_t length, struct columns *out) {
  size_t row = out->rows, messages = 0;
  const uint8_t *end = block + length;
  while (end - block >= (ptrdiff_t)sizeof(struct nlmsghdr)) {
    const struct nlmsghdr *message = (const void *)block;
    size_t size = message->nlmsg_len;
    if (size < sizeof *message || size > (size_t)(end - block)) break;
    messages++;
    if (message->nlmsg_type == RTM_NEWROUTE && size >= NLMSG_LENGTH(sizeof(struct rtmsg))) {
      const struct rtmsg *route = NLMSG_DATA(message);
      uint32_t table = route->rtm_table, oif = 0, priority = 0, dst = 0, gateway = 0;
      const uint8_t *at = (const uint8_t *)route + NLMSG_ALIGN(sizeof *route);
      const uint8_t *stop = block + size;
      while (stop - at >= (ptrdiff_t)sizeof(struct rtattr)) {
        const struct rtattr *attribute = (const void *)at;
        size_t bytes = attribute->rta_len;
        if (bytes < sizeof *attribute || bytes > (size_t)(stop - at)) break;
        if (bytes == 8) {
          switch (attribute->rta_type) {
            case RTA_DST: dst = word(at + 4); break;
            case RTA_GATEWAY: gateway = word(at + 4); break;
            case RTA_OIF: oif = word(at + 4); break;
            case RTA_PRIORITY: priority = word(at + 4); break;
            case RTA_TABLE: table = word(at + 4); break;
          }
        }
        at += RTA_ALIGN(bytes);
      }
      out->table[row] = table;
      out->oif[row] = oif;
      out->priority[row] = priority;
      out->dst_len[row] = route->rtm_dst_len;
      out->protocol[row] = route->rtm_protocol;
      out->scope[row] = route->rtm_scope;
      out->type[row] = route->rtm_type;
      out->dst[row] = dst;
      out->gateway[row] = gateway;
      row++;
    }
    block += NLMSG_ALIGN(size);
  }
  out->rows = row;
  return messages;
}
