// native BENCH INPUT [ROUNDS [ITEMS]]; `native show` prints what it encodes; what makes the inputs: native fill ROUTES,
// native capture routes|links FILE; `native attach|detach SCRIPT ROUNDS` is in attach.c,
// `native launch PLAN` in launch.c.
#include <stdbool.h>

#include "peer.h"

void decode_by_hand(const struct bench *, const char *, int, int);
void decode_with_layout(const struct bench *, const char *, int, int);
void decode_with_libmnl(const struct bench *, const char *, int, int);
void list_and_drop(const struct bench *, const char *, int, int);
void list_columns(const struct bench *, const char *, int, int);
void add_batched(const struct bench *, const char *, int, int);
void delete_batched(const struct bench *, const char *, int, int);
void encode_by_hand(const struct bench *, const char *, int, int);
void capture(const char *what, const char *path);
void fill(int count);
void show_encoded(void);
void attach(const char *script, int rounds, bool back);
void launch(const char *plan);

static const struct bench benches[] = {
    {"decode-columns", "C by hand", decode_by_hand},
    {"decode-columns-layout", "C by hand, remembering the layout", decode_with_layout},
    {"decode-columns-libmnl", "C with libmnl", decode_with_libmnl},
    {"list-drop", "C that receives and drops", list_and_drop},
    {"list-columns", "C by hand", list_columns},
    {"add-batched", "C in batches", add_batched},
    {"delete-batched", "C in batches", delete_batched},
    {"encode", "C by hand", encode_by_hand},
};

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "show") == 0) {
    show_encoded();
    return 0;
  }
  if (argc == 3 && strcmp(argv[1], "fill") == 0) {
    fill(atoi(argv[2]));
    return 0;
  }
  if (argc == 4 && strcmp(argv[1], "capture") == 0) {
    capture(argv[2], argv[3]);
    return 0;
  }
  if (argc == 3 && strcmp(argv[1], "launch") == 0) {
    launch(argv[2]);
    return 0;
  }
  if (argc == 4 && (strcmp(argv[1], "attach") == 0 || strcmp(argv[1], "detach") == 0)) {
    attach(argv[2], atoi(argv[3]), argv[1][0] == 'd');
    return 0;
  }
  for (size_t i = 0; argc >= 3 && i < sizeof benches / sizeof *benches; i++) {
    if (strcmp(argv[1], benches[i].name) != 0) continue;
    int rounds = argc > 3 ? atoi(argv[3]) : 20, items = argc > 4 ? atoi(argv[4]) : 20000;
    if (rounds < 1 || items < 1) fail("ROUNDS and ITEMS are numbers above 0");
    benches[i].run(&benches[i], argv[2], rounds, items);
    return 0;
  }
  fail("usage: %s BENCH INPUT [ROUNDS [ITEMS]]", argv[0]);
}
