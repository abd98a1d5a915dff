/* The exact search over int8 rows, without Python: see kernel.c for how it works and why it is exact. */
#ifndef GATEFW_KERNEL_H
#define GATEFW_KERNEL_H
#include <stdint.h>

#define GF_MOST 1024   /* rows asked for at once */
#define GF_QUERIES 16  /* queries in one pass */
#define GF_WIDTH 1024  /* numbers in a row */

/* rows: `count` rows of `width` numbers -127..127, width a multiple of 64.
   plane: four bits a number, in blocks of 16 rows; NULL: every row is compared in full.
          Line g (64 bytes) of a block holds byte 4 r + j of row r: its low half is the code of number 8 g + j, its high
          half that of number 8 g + 4 + j. Blocks are whole: there is room for count rounded up to 16.
   slack: for each row how far it is from its codes, in `unit`s, rounded up. There is room for whole blocks.
   norms: |row|^2, room for whole blocks; NULL: the largest inner product is wanted, not the least distance.
   floors: for each block of 16 rows at most the least of its norms, so that few blocks need their norms read.
   step:  the size of one code, 1..17. */
typedef struct {
    const int8_t *rows;
    const uint8_t *plane;
    const uint8_t *slack;
    const int32_t *norms;
    const int32_t *floors;
    const int32_t *labels;
    int64_t count;
    int32_t width;
    int32_t step;
    float unit;
} gf_gallery;

/* The ways to compute that this processor has, best first, separated by blanks. "portable" is always one. */
const char *gf_paths(void);

/* For each of nq queries the k rows of begin..end with the largest score of at least least[query]; of equal ones those
   with the lower labels. score = 2 row.query - norm. Unused places hold label -1. begin is a multiple of 16.
   sigma 0: exact. Above: rows whose residual is beyond so many standard deviations of a random one may be missed.
   rescored: how many rows were compared in full. Returns 0; -1 for a path or a number that there is not. */
int gf_search(const gf_gallery *gallery, int64_t begin, int64_t end, const int8_t *queries, int nq,
              const int32_t *least, int k, const char *path, float sigma, int32_t *scores, int32_t *labels,
              int64_t *rescored);

/* Every row of begin..end with a score of at least `least`, in order: how many there are. Those beyond `room` are not
   written. -1 as above. */
int64_t gf_within(const gf_gallery *gallery, int64_t begin, int64_t end, const int8_t *query, int32_t least,
                  const char *path, int64_t room, int32_t *scores, int32_t *labels, int64_t *rescored);

/* Write codes and slack of rows first .. first + count - 1. Returns how many are farther from their codes than 255
   units: with any, the unit is too small and the plane of no use. */
int64_t gf_pack(const int8_t *rows, int64_t first, int64_t count, int32_t width, int32_t step, float unit,
                uint8_t *plane, uint8_t *slack);

/* How far the worst row is from its codes. */
double gf_residual(const int8_t *rows, int64_t count, int32_t width, int32_t step);

/* The sum of all bytes as 64-bit words: nothing reads memory faster, so it is the limit of a full scan. */
uint64_t gf_read(const void *bytes, int64_t count, const char *path);

/* One way to compute. scores: for whole blocks of the plane, the sum of code times number. candidates: which of n rows
   have a bound of at least `bar`, in order; returns how many. dot: of one row and the query. */
typedef struct {
    int32_t factor, reach, bar; /* bound = factor * plane score + reach * slack - (norm << shift) */
    int shift;
} gf_bound;

typedef struct {
    const char *name;
    void (*scores)(const uint8_t *plane, int blocks, int width, const int8_t *query, int32_t *out);
    int (*candidates)(const gf_bound *bound, const int32_t *scores, const uint8_t *slack, const int32_t *norms,
                      const int32_t *floors, int n, int32_t *out);
    int32_t (*dot)(const int8_t *row, const int8_t *query, int width);
    uint64_t (*read)(const void *bytes, int64_t count);
} gf_path;

extern const gf_path gf_portable;
extern const gf_path gf_avx2;
extern const gf_path gf_avx512vnni;
extern const gf_path gf_neon;
extern const gf_path gf_dotprod;
#endif
