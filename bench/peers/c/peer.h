// What the C peers share: time, files, results as a line of JSON.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static uint8_t *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  fseek(file, 0, SEEK_END);
  *length = ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*length);
  if (fread(bytes, 1, *length, file) != *length) exit(1);
  fclose(file);
  return bytes;
}

// Prints nanoseconds of each round.
static void report(const char *bench, const char *rival, const double *samples, int rounds, size_t items) {
  printf("{\"bench\":\"%s\",\"rival\":\"%s\",\"items\":%zu,\"samples\":[", bench, rival, items);
  for (int i = 0; i < rounds; i++) printf("%s%.0f", i == 0 ? "" : ",", samples[i]);
  printf("]}\n");
}
