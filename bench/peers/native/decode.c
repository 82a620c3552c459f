// Decoding a captured dump of routes to columns: by hand, by hand with a memory of the last layout, and with libmnl.
#include "columns.h"
#include "peer.h"

#ifdef HAVE_LIBMNL
#include <libmnl/libmnl.h>
#endif

static void measure(const struct bench *bench, const char *input, int rounds,
                    void decode(const uint8_t *, size_t, struct columns *)) {
  size_t length;
  uint8_t *bytes = read_file(input, &length);
  struct columns columns = new_columns(length / NLMSG_LENGTH(sizeof(struct rtmsg)) + 1);
  double *samples = calloc(rounds, sizeof *samples);
  for (int i = -5; i < rounds; i++) {
    columns.rows = 0;
    double start = now();
    decode(bytes, length, &columns);
    if (i >= 0) samples[i] = now() - start;
  }
  report(bench, samples, rounds, columns.rows);
}

static void by_hand(const uint8_t *block, size_t length, struct columns *out) { decode_columns(block, length, out); }

#define MOST_ATTRIBUTES 16

// Where the attributes of the message before stood; offset 0 where it lacked one.
struct layout {
  uint32_t size, count;
  uint32_t offsets[MOST_ATTRIBUTES], heads[MOST_ATTRIBUTES];
  uint32_t table, dst, gateway, oif, priority;
};

static void learn(const uint8_t *message, struct layout *layout) {
  *layout = (struct layout){.size = word(message)};
  uint32_t at = NLMSG_LENGTH(sizeof(struct rtmsg));
  while (layout->size - at >= sizeof(struct rtattr) && layout->size > at) {
    const struct rtattr *attribute = (const void *)(message + at);
    if (attribute->rta_len < sizeof *attribute || attribute->rta_len > layout->size - at) break;
    if (layout->count == MOST_ATTRIBUTES) {
      layout->size = 0;
      return;
    }
    layout->offsets[layout->count] = at;
    layout->heads[layout->count++] = word(attribute);
    if (attribute->rta_len == 8) {
      switch (attribute->rta_type) {
        case RTA_DST: layout->dst = at + 4; break;
        case RTA_GATEWAY: layout->gateway = at + 4; break;
        case RTA_OIF: layout->oif = at + 4; break;
        case RTA_PRIORITY: layout->priority = at + 4; break;
        case RTA_TABLE: layout->table = at + 4; break;
      }
    }
    at += RTA_ALIGN(attribute->rta_len);
  }
}

static inline int same(const uint8_t *message, uint32_t size, const struct layout *layout) {
  if (size != layout->size) return 0;
  for (uint32_t i = 0; i < layout->count; i++)
    if (word(message + layout->offsets[i]) != layout->heads[i]) return 0;
  return 1;
}

// As `by_hand`, but a message laid out as the one before is read without a look at its attributes' types.
static void with_layout(const uint8_t *block, size_t length, struct columns *out) {
  struct layout layout = {0};
  size_t row = out->rows;
  const uint8_t *end = block + length;
  while (end - block >= (ptrdiff_t)sizeof(struct nlmsghdr)) {
    const struct nlmsghdr *message = (const void *)block;
    size_t size = message->nlmsg_len;
    if (size < sizeof *message || size > (size_t)(end - block)) break;
    if (message->nlmsg_type == RTM_NEWROUTE && size >= NLMSG_LENGTH(sizeof(struct rtmsg))) {
      if (!same(block, size, &layout)) {
        learn(block, &layout);
        if (layout.size == 0) {
          size_t before = out->rows;
          out->rows = row;
          decode_columns(block, size, out);
          row = out->rows;
          out->rows = before;
          block += NLMSG_ALIGN(size);
          continue;
        }
      }
      const struct rtmsg *route = NLMSG_DATA(message);
      out->table[row] = layout.table != 0 ? word(block + layout.table) : route->rtm_table;
      out->oif[row] = layout.oif != 0 ? word(block + layout.oif) : 0;
      out->priority[row] = layout.priority != 0 ? word(block + layout.priority) : 0;
      out->dst_len[row] = route->rtm_dst_len;
      out->protocol[row] = route->rtm_protocol;
      out->scope[row] = route->rtm_scope;
      out->type[row] = route->rtm_type;
      out->dst[row] = layout.dst != 0 ? word(block + layout.dst) : 0;
      out->gateway[row] = layout.gateway != 0 ? word(block + layout.gateway) : 0;
      row++;
    }
    block += NLMSG_ALIGN(size);
  }
  out->rows = row;
}

#ifdef HAVE_LIBMNL
static int take(const struct nlmsghdr *message, void *data) {
  struct columns *out = data;
  if (message->nlmsg_type != RTM_NEWROUTE) return MNL_CB_OK;
  const struct rtmsg *route = mnl_nlmsg_get_payload(message);
  size_t row = out->rows++;
  uint32_t table = route->rtm_table, oif = 0, priority = 0, dst = 0, gateway = 0;
  const struct nlattr *attribute;
  mnl_attr_for_each(attribute, message, sizeof *route) {
    switch (mnl_attr_get_type(attribute)) {
      case RTA_DST:
        if (mnl_attr_get_payload_len(attribute) == 4) dst = mnl_attr_get_u32(attribute);
        break;
      case RTA_GATEWAY:
        if (mnl_attr_get_payload_len(attribute) == 4) gateway = mnl_attr_get_u32(attribute);
        break;
      case RTA_OIF:
        if (mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0) oif = mnl_attr_get_u32(attribute);
        break;
      case RTA_PRIORITY:
        if (mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0) priority = mnl_attr_get_u32(attribute);
        break;
      case RTA_TABLE:
        if (mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0) table = mnl_attr_get_u32(attribute);
        break;
    }
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
  return MNL_CB_OK;
}

static void with_libmnl(const uint8_t *block, size_t length, struct columns *out) {
  mnl_cb_run(block, length, 0, 0, take, out);
}
#endif

void decode_by_hand(const struct bench *bench, const char *input, int rounds, int items) {
  (void)items;
  measure(bench, input, rounds, by_hand);
}

void decode_with_layout(const struct bench *bench, const char *input, int rounds, int items) {
  (void)items;
  measure(bench, input, rounds, with_layout);
}

void decode_with_libmnl(const struct bench *bench, const char *input, int rounds, int items) {
  (void)items;
#ifdef HAVE_LIBMNL
  measure(bench, input, rounds, with_libmnl);
#else
  fail("%s: built without libmnl", bench->name);
  (void)input, (void)rounds;
#endif
}
