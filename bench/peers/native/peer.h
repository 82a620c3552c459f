// What the C peers share: time, files, a result as one line of JSON.
#pragma once
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// A program's input is a file of messages, or the namespace that it is started in.
struct bench {
  const char *name, *rival;
  void (*run)(const struct bench *bench, const char *input, int rounds, int items);
};

static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static inline uint8_t *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail("%s: %s", path, strerror(errno));
  fseek(file, 0, SEEK_END);
  *length = ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*length);
  if (fread(bytes, 1, *length, file) != *length) fail("%s: cannot be read", path);
  fclose(file);
  return bytes;
}

static inline int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// `samples`: ns of each round. Sorts them.
static inline void report(const struct bench *bench, double *samples, int rounds, size_t items) {
  printf("{\"bench\":\"%s\",\"rival\":\"%s\",\"items\":%zu,\"samples\":[", bench->name, bench->rival, items);
  for (int i = 0; i < rounds; i++) printf("%s%.0f", i == 0 ? "" : ",", samples[i]);
  qsort(samples, rounds, sizeof *samples, ascending);
  printf("],\"nsPerItem\":%.3f}\n", samples[rounds / 2] / items);
}
