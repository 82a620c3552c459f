// decode-columns FILE ROUNDS: a captured dump of routes to columns, by hand.
#include "peer.h"
#include "route.h"

#define ROWS 200000

int main(int argc, char **argv) {
  size_t length;
  uint8_t *bytes = read_file(argv[1], &length);
  int rounds = argc > 2 ? atoi(argv[2]) : 20;
  struct columns columns = {
      .table = malloc(ROWS * 4), .oif = malloc(ROWS * 4), .priority = malloc(ROWS * 4), .dst_len = malloc(ROWS),
      .protocol = malloc(ROWS), .scope = malloc(ROWS), .type = malloc(ROWS), .dst = malloc(ROWS * 4), .gateway = malloc(ROWS * 4)};
  double *samples = calloc(rounds, sizeof *samples);
  for (int i = -3; i < rounds; i++) {
    columns.rows = 0;
    double start = now();
    decode(bytes, length, &columns);
    if (i >= 0) samples[i] = now() - start;
  }
  report("decode routes to columns", "C by hand", samples, rounds, columns.rows);
}
