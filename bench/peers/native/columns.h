// The columns that every rival fills from RTM_NEWROUTE messages.
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct columns {
  uint32_t *table, *dst, *gateway, *oif, *priority;  // addresses as they stand in the message, IPv4
  uint8_t *dst_len, *protocol, *scope, *type;
  size_t rows;
};

static inline struct columns new_columns(size_t rows) {
  struct columns c = {.rows = 0};
  uint32_t **words[] = {&c.table, &c.dst, &c.gateway, &c.oif, &c.priority};
  uint8_t **bytes[] = {&c.dst_len, &c.protocol, &c.scope, &c.type};
  for (size_t i = 0; i < 5; i++) *words[i] = malloc(rows * 4);
  for (size_t i = 0; i < 4; i++) *bytes[i] = malloc(rows);
  return c;
}

static inline uint32_t word(const void *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

// Takes every RTM_NEWROUTE of a block, attribute by attribute.
static inline void decode_columns(const uint8_t *block, size_t length, struct columns *out) {
  size_t row = out->rows;
  const uint8_t *end = block + length;
  while (end - block >= (ptrdiff_t)sizeof(struct nlmsghdr)) {
    const struct nlmsghdr *message = (const void *)block;
    size_t size = message->nlmsg_len;
    if (size < sizeof *message || size > (size_t)(end - block)) break;
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
}
