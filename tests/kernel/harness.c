/* The kernel alone, without Python, so that it runs on processors that are not here: cases from stdin, results to stdout.

       harness                 the paths of this processor
       harness PATH ...        results of every case, by each of these paths

   A case: ten int32 (count, width, step, norms or not, plane or not, begin, end, queries, k, room), two float (unit,
   sigma), then rows, norms when there are, labels, queries, least. Its results: how many rows are beyond 255 units
   (int64), plane, slack; then of each path the status of gf_search (int64), scores, labels, rescored (int64); the count
   that gf_within found for the first query (int64), `room` scores and labels, rescored; the sum that gf_read made. */
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT, WIDTH, STEP, NORMS, PLANE, BEGIN, END, QUERIES, K, ROOM, NUMBERS };

static void *memory(size_t bytes) {
    void *place = NULL;
    if (posix_memalign(&place, 64, bytes ? bytes : 64))
        exit(3);
    memset(place, 0, bytes);
    return place;
}

static void *taken(size_t bytes) {
    void *place = memory(bytes);
    if (fread(place, 1, bytes, stdin) != bytes)
        exit(4);
    return place;
}

static void give(const void *bytes, size_t count) {
    if (fwrite(bytes, 1, count, stdout) != count)
        exit(5);
}

static void give_number(int64_t number) { give(&number, sizeof number); }

static void searched(const gf_gallery *gallery, const int32_t *n, const int8_t *queries, const int32_t *least,
                     const char *path, float sigma) {
    size_t found = 4 * (size_t)n[QUERIES] * (size_t)n[K], room = 4 * (size_t)n[ROOM];
    int32_t *scores = memory(found), *labels = memory(found), *near = memory(room), *names = memory(room);
    int64_t rescored = 0;
    give_number(gf_search(gallery, n[BEGIN], n[END], queries, n[QUERIES], least, n[K], path, sigma, scores, labels,
                          &rescored));
    give(scores, found);
    give(labels, found);
    give_number(rescored);
    give_number(gf_within(gallery, n[BEGIN], n[END], queries, least[0], path, n[ROOM], near, names, &rescored));
    give(near, room);
    give(names, room);
    give_number(rescored);
    give_number((int64_t)gf_read(gallery->rows, (int64_t)n[COUNT] * n[WIDTH] - n[BEGIN] % 7, path));
    free(scores);
    free(labels);
    free(near);
    free(names);
}

/* Of each block the least norm, or somewhat less: either must do. */
static int32_t *floors_of(const int32_t *norms, int count) {
    int32_t *floors = memory(4 * (size_t)((count + 15) / 16));
    for (int i = 0; i < count; i++)
        if (i % 16 == 0 || norms[i] < floors[i / 16])
            floors[i / 16] = norms[i];
    for (int block = 0; block < (count + 15) / 16; block += 3)
        floors[block] /= 2;
    return floors;
}

static void play(const int32_t *n, char **paths) {
    float *units = taken(2 * sizeof *units);
    size_t width = (size_t)n[WIDTH], count = (size_t)n[COUNT], blocks = (count + 15) / 16 * 16;
    int8_t *rows = taken(count * width);
    int32_t *norms = n[NORMS] ? memory(4 * blocks) : NULL;
    if (norms && fread(norms, 4, count, stdin) != count)
        exit(4);
    int32_t *labels = taken(4 * count);
    int8_t *queries = taken((size_t)n[QUERIES] * width);
    int32_t *least = taken(4 * (size_t)n[QUERIES]);
    uint8_t *plane = memory(blocks * width / 2), *slack = memory(blocks);
    give_number(gf_pack(rows, 0, n[COUNT], n[WIDTH], n[STEP], units[0], plane, slack));
    give(plane, blocks * width / 2);
    give(slack, blocks);
    int32_t *floors = norms ? floors_of(norms, n[COUNT]) : NULL;
    gf_gallery gallery = {.rows = rows, .plane = n[PLANE] ? plane : NULL, .slack = n[PLANE] ? slack : NULL,
                          .norms = norms, .floors = floors, .labels = labels, .count = n[COUNT], .width = n[WIDTH],
                          .step = n[STEP], .unit = units[0]};
    for (; *paths; paths++)
        searched(&gallery, n, queries, least, *paths, units[1]);
    free(units);
    free(rows);
    free(norms);
    free(floors);
    free(labels);
    free(queries);
    free(least);
    free(plane);
    free(slack);
}

int main(int count, char **arguments) {
    int32_t numbers[NUMBERS];
    if (count < 2)
        puts(gf_paths());
    else
        while (fread(numbers, sizeof numbers, 1, stdin) == 1)
            play(numbers, arguments + 1);
    return 0;
}
