/* The k nearest of a million rows without reading them all, and without missing one.

   A row x of int8 numbers is also kept as codes of four bits: x is about y = step (code - 7.5), and |x - y| is known. For
   a query q

       score(x) = 2 q.x - norm(x) <= 2 q.y + 2 |q| |x - y| - norm(x)            (Cauchy-Schwarz)

   and the right side needs half the bytes. Only rows whose bound reaches what is wanted (the threshold, or the k-th best
   score so far) are compared in full. With whole numbers alone, multiplied by f = 2^shift for precision:

       q.y        = step (s - 7.5 sum(q)),  s = sum of code times number     (the plane's score)
       bound * f  = 2 step f s + reach slack - f norm - 15 step f sum(q),    reach = ceil(2 f |q| unit)

   so nothing is lost to rounding: `slack` was rounded up when it was written, `reach` is rounded up here, the rest is
   exact. The bound is never below f * score, and what is found equals the full scan, bit by bit, by every path.

   Limits: |number| <= 127, width <= 1024, step <= 17, so 2 step f s <= 2 * 17 * 16 * 15 * 127 * 1024 < 2^30.1; two
   products of numbers fit 16 bits, which NEON and AVX2 need. */
#include "kernel.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#define BLOCK_BYTES 16384 /* of the plane, scored before candidates are looked for: half of a first-level cache */
#define ROWS_MOST 512
#define AHEAD 8
#define BOUND_MOST 1100000000 /* no bound is above it, by the limits above; and norms may be added without overflow */

/* ---------------------------------------------------------------- portable */

static void portable_scores(const uint8_t *plane, int blocks, int width, const int8_t *query, int32_t *out) {
    for (int b = 0; b < blocks; b++, plane += 8 * width, out += 16) {
        memset(out, 0, 16 * sizeof *out);
        for (int g = 0; g < width / 8; g++)
            for (int r = 0; r < 16; r++)
                for (int j = 0; j < 4; j++) {
                    int byte = plane[64 * g + 4 * r + j];
                    out[r] += (byte & 15) * query[8 * g + j] + (byte >> 4) * query[8 * g + 4 + j];
                }
    }
}

static int portable_candidates(const gf_bound *bound, const int32_t *scores, const uint8_t *slack,
                               const int32_t *norms, const int32_t *floors, int n, int32_t *out) {
    int found = 0;
    (void)floors;
    for (int i = 0; i < n; i++) {
        int32_t norm = norms ? norms[i] << bound->shift : 0;
        out[found] = i;
        found += bound->factor * scores[i] + bound->reach * slack[i] - norm >= bound->bar;
    }
    return found;
}

static int32_t portable_dot(const int8_t *row, const int8_t *query, int width) {
    int32_t sum = 0;
    for (int i = 0; i < width; i++)
        sum += row[i] * query[i];
    return sum;
}

static uint64_t portable_read(const void *bytes, int64_t count) {
    const uint8_t *at = bytes;
    uint64_t sums[4] = {0}, words[4];
    int64_t i = 0;
    for (; i + 32 <= count; i += 32) {
        memcpy(words, at + i, 32);
        for (int j = 0; j < 4; j++)
            sums[j] += words[j];
    }
    for (; i < count; i++)
        sums[0] += at[i];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

const gf_path gf_portable = {"portable", portable_scores, portable_candidates, portable_dot, portable_read};

/* ---------------------------------------------------------------- which path */

#if defined(__x86_64__) && defined(GATEFW_SIMDE)
static const gf_path *const PATHS[] = {&gf_avx512vnni, &gf_avx2, &gf_portable};
static int usable(const gf_path *path) { return path != 0; }
#elif defined(__x86_64__)
static const gf_path *const PATHS[] = {&gf_avx512vnni, &gf_avx2, &gf_portable};
static int usable(const gf_path *path) {
    if (path == &gf_avx512vnni)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    return path != &gf_avx2 || __builtin_cpu_supports("avx2");
}
#elif defined(__aarch64__)
#include <sys/auxv.h>
#define ASIMDDP (1UL << 20) /* HWCAP_ASIMDDP: the dot product instructions */
static const gf_path *const PATHS[] = {&gf_dotprod, &gf_neon, &gf_portable};
static int usable(const gf_path *path) { return path != &gf_dotprod || (getauxval(AT_HWCAP) & ASIMDDP); }
#else
static const gf_path *const PATHS[] = {&gf_portable};
static int usable(const gf_path *path) { return path != 0; }
#endif
#define PATHS_COUNT (sizeof PATHS / sizeof *PATHS)

static const gf_path *path_of(const char *name) {
    for (unsigned i = 0; i < PATHS_COUNT; i++)
        if (usable(PATHS[i]) && strcmp(PATHS[i]->name, name) == 0)
            return PATHS[i];
    return 0;
}

const char *gf_paths(void) {
    static char names[64];
    char found[64] = "";
    for (unsigned i = 0; i < PATHS_COUNT; i++)
        if (usable(PATHS[i])) {
            strcat(found, *found ? " " : "");
            strcat(found, PATHS[i]->name);
        }
    memcpy(names, found, sizeof names); /* the same whoever calls it */
    return names;
}

uint64_t gf_read(const void *bytes, int64_t count, const char *path) {
    const gf_path *way = path_of(path);
    return way ? way->read(bytes, count) : 0;
}

/* ---------------------------------------------------------------- the codes */

typedef struct {
    uint8_t code[256];
    int32_t square[256]; /* of twice the distance to the code */
} codebook;

static void make_codebook(codebook *book, int step) {
    for (int x = -127; x <= 127; x++) {
        int shifted = x + 8 * step, code = shifted < 0 ? 0 : shifted / step;
        code = code > 15 ? 15 : code;
        int twice = 2 * x - step * (2 * code - 15);
        book->code[x + 128] = (uint8_t)code;
        book->square[x + 128] = twice * twice;
    }
}

static double residual_of(const codebook *book, const int8_t *row, int width) {
    int64_t squares = 0;
    for (int i = 0; i < width; i++)
        squares += book->square[row[i] + 128];
    return sqrt((double)squares) / 2;
}

double gf_residual(const int8_t *rows, int64_t count, int32_t width, int32_t step) {
    codebook book = {{0}, {0}};
    double worst = 0;
    make_codebook(&book, step);
    for (int64_t i = 0; i < count; i++) {
        double residual = residual_of(&book, rows + i * width, width);
        worst = residual > worst ? residual : worst;
    }
    return worst;
}

int64_t gf_pack(const int8_t *rows, int64_t first, int64_t count, int32_t width, int32_t step, float unit,
                uint8_t *plane, uint8_t *slack) {
    codebook book = {{0}, {0}};
    int64_t beyond = 0;
    make_codebook(&book, step);
    for (int64_t i = first; i < first + count; i++) {
        const int8_t *row = rows + i * width;
        uint8_t *place = plane + i / 16 * 8 * width + i % 16 * 4;
        for (int g = 0; g < width / 8; g++)
            for (int j = 0; j < 4; j++) {
                int low = book.code[row[8 * g + j] + 128], high = book.code[row[8 * g + 4 + j] + 128];
                place[64 * g + j] = (uint8_t)(low | high << 4);
            }
        double residual = residual_of(&book, row, width), units = ceil(residual / unit);
        units += units * unit < residual;
        beyond += units > 255;
        slack[i] = units > 255 ? 255 : (uint8_t)units;
    }
    return beyond;
}

/* ---------------------------------------------------------------- the best k */

typedef struct {
    int32_t *scores, *labels;
    int k, held;
    int32_t bar; /* what a score must reach to matter */
} best;

static void offer(best *top, int32_t score, int32_t label) {
    if (score < top->bar)
        return;
    int last = top->k - 1, at;
    if (top->held == top->k && score == top->scores[last] && label > top->labels[last])
        return;
    at = top->held < top->k ? top->held++ : last;
    while (at > 0 && (top->scores[at - 1] < score || (top->scores[at - 1] == score && top->labels[at - 1] > label))) {
        top->scores[at] = top->scores[at - 1];
        top->labels[at] = top->labels[at - 1];
        at--;
    }
    top->scores[at] = score;
    top->labels[at] = label;
    if (top->held == top->k && top->scores[last] > top->bar)
        top->bar = top->scores[last];
}

/* ---------------------------------------------------------------- one query */

typedef struct {
    const int8_t *numbers;
    gf_bound bound;
    int64_t offset; /* bound.bar = bar * 2^shift + offset */
    int plain;      /* no bound fits: every row is compared in full */
} question;

static void ask(question *asked, const gf_gallery *gallery, const int8_t *numbers, float sigma) {
    int64_t sum = 0, squares = 0;
    for (int i = 0; i < gallery->width; i++) {
        sum += numbers[i];
        squares += numbers[i] * numbers[i];
    }
    double reach = 2 * sqrt((double)squares) * gallery->unit * (1 + 1e-9);
    if (sigma > 0 && sigma < sqrt((double)gallery->width))
        reach *= sigma / sqrt((double)gallery->width);
    int shift = 4;
    while (shift > 0 && ceil(reach * (1 << shift)) > INT16_MAX)
        shift--;
    asked->numbers = numbers;
    asked->plain = !gallery->plane || ceil(reach * (1 << shift)) > INT16_MAX;
    asked->bound.shift = shift;
    asked->bound.factor = 2 * gallery->step * (1 << shift);
    asked->bound.reach = asked->plain ? 0 : (int32_t)ceil(reach * (1 << shift));
    asked->offset = 15 * gallery->step * (1 << shift) * sum;
}

/* The rows of one block that may reach the bar; their number. */
static int may_reach(question *asked, const gf_gallery *gallery, const gf_path *path, int64_t base, int rows,
                     int32_t bar, int32_t *scores, int32_t *out) {
    int64_t wanted = (int64_t)bar * (1 << asked->bound.shift) + asked->offset;
    if (asked->plain || wanted < INT32_MIN) {
        for (int i = 0; i < rows; i++)
            out[i] = i;
        return rows;
    }
    if (wanted > BOUND_MOST)
        return 0;
    asked->bound.bar = (int32_t)wanted;
    path->scores(gallery->plane + base / 16 * 8 * gallery->width, (rows + 15) / 16, gallery->width, asked->numbers,
                 scores);
    const int32_t *norms = gallery->norms ? gallery->norms + base : 0;
    const int32_t *floors = gallery->norms ? gallery->floors + base / 16 : 0;
    return path->candidates(&asked->bound, scores, gallery->slack + base, norms, floors, rows, out);
}

static int32_t score_of(const gf_gallery *gallery, const gf_path *path, const int8_t *query, int64_t at) {
    int32_t norm = gallery->norms ? gallery->norms[at] : 0;
    return 2 * path->dot(gallery->rows + at * gallery->width, query, gallery->width) - norm;
}

/* Ask the memory for the i-th of these rows, if there is one. */
static void fetch(const gf_gallery *gallery, int64_t base, const int32_t *near, int found, int i) {
    if (i >= found)
        return;
    const int8_t *row = gallery->rows + (base + near[i]) * gallery->width;
    for (int j = 0; j < gallery->width; j += 64)
        __builtin_prefetch(row + j);
}

static int rows_of_block(const gf_gallery *gallery, int64_t base, int64_t begin, int64_t end) {
    int rows = 2 * BLOCK_BYTES / gallery->width / 16 * 16;
    rows = rows > ROWS_MOST ? ROWS_MOST : rows;
    if (base == begin)
        rows = rows < 64 ? rows : 64; /* the bar rises early */
    return end - base < rows ? (int)(end - base) : rows;
}

static int fits(const gf_gallery *gallery, int64_t begin, int64_t end) {
    return gallery->width >= 64 && gallery->width <= GF_WIDTH && gallery->width % 64 == 0 && gallery->step >= 1 &&
           gallery->step <= 17 && begin >= 0 && begin % 16 == 0 && end <= gallery->count;
}

int gf_search(const gf_gallery *gallery, int64_t begin, int64_t end, const int8_t *queries, int nq,
              const int32_t *least, int k, const char *path, float sigma, int32_t *scores, int32_t *labels,
              int64_t *rescored) {
    const gf_path *way = path_of(path);
    question asked[GF_QUERIES];
    best top[GF_QUERIES];
    int32_t planes[ROWS_MOST], near[ROWS_MOST];
    if (!way || nq < 1 || nq > GF_QUERIES || k < 1 || k > GF_MOST || !fits(gallery, begin, end))
        return -1;
    for (int q = 0; q < nq; q++) {
        ask(&asked[q], gallery, queries + q * gallery->width, sigma);
        top[q] = (best){scores + q * k, labels + q * k, k, 0, least[q]};
    }
    *rescored = 0;
    for (int64_t base = begin, rows; base < end; base += rows) {
        rows = rows_of_block(gallery, base, begin, end);
        for (int q = 0; q < nq; q++) {
            int found = may_reach(&asked[q], gallery, way, base, (int)rows, top[q].bar, planes, near);
            *rescored += found;
            for (int i = 0; i < AHEAD; i++)
                fetch(gallery, base, near, found, i);
            for (int i = 0; i < found; i++) {
                fetch(gallery, base, near, found, i + AHEAD);
                int64_t at = base + near[i];
                offer(&top[q], score_of(gallery, way, asked[q].numbers, at), gallery->labels[at]);
            }
        }
    }
    for (int q = 0; q < nq; q++)
        for (int i = top[q].held; i < k; i++) {
            top[q].scores[i] = INT32_MIN;
            top[q].labels[i] = -1;
        }
    return 0;
}

int64_t gf_within(const gf_gallery *gallery, int64_t begin, int64_t end, const int8_t *query, int32_t least,
                  const char *path, int64_t room, int32_t *scores, int32_t *labels, int64_t *rescored) {
    const gf_path *way = path_of(path);
    question asked;
    int32_t planes[ROWS_MOST], near[ROWS_MOST];
    int64_t count = 0;
    if (!way || !fits(gallery, begin, end))
        return -1;
    ask(&asked, gallery, query, 0);
    *rescored = 0;
    for (int64_t base = begin, rows; base < end; base += rows) {
        rows = rows_of_block(gallery, base, begin, end);
        int found = may_reach(&asked, gallery, way, base, (int)rows, least, planes, near);
        *rescored += found;
        for (int i = 0; i < found; i++) {
            fetch(gallery, base, near, found, i + 1);
            int64_t at = base + near[i];
            int32_t score = score_of(gallery, way, query, at);
            if (score < least)
                continue;
            if (count < room) {
                scores[count] = score;
                labels[count] = gallery->labels[at];
            }
            count++;
        }
    }
    return count;
}
