/* The paths of x86-64: AVX2, and AVX-512 with VNNI. With GATEFW_SIMDE the latter is made of portable C, for tests. */
#include "kernel.h"

#if defined(__x86_64__)
#define AHEAD_BYTES 8192 /* beyond what the hardware fetches by itself; measured: 25 to 29 GB/s in a plain scan */

#if defined(GATEFW_SIMDE)
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
/* What SIMDe 0.7.4 has not. */
#undef _mm512_madd_epi16
#define _mm512_madd_epi16 simde_mm512_madd_epi16
#define _mm512_srai_epi32 lanes_down
#define _mm512_cvtepu8_epi32 lanes_of_bytes
static inline __m512i lanes_down(__m512i a, int by) {
    int32_t lanes[16];
    _mm512_storeu_si512(lanes, a);
    for (int i = 0; i < 16; i++)
        lanes[i] >>= by;
    return _mm512_loadu_si512(lanes);
}
static inline __m512i lanes_of_bytes(__m128i a) {
    uint8_t bytes[16];
    int32_t lanes[16];
    _mm_storeu_si128((__m128i *)bytes, a);
    for (int i = 0; i < 16; i++)
        lanes[i] = bytes[i];
    return _mm512_loadu_si512(lanes);
}
#else
#include <immintrin.h>
#endif

#if !defined(GATEFW_SIMDE)
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
/* ---------------------------------------------------------------- AVX2 */

static inline int32_t load_4(const int8_t *numbers) {
    int32_t four;
    __builtin_memcpy(&four, numbers, 4);
    return four;
}

static inline __m256i pairs(__m256i sums16) { return _mm256_madd_epi16(sums16, _mm256_set1_epi16(1)); }

/* Sixteen rows, eight a register. Four lines fit sixteen bits: 4 * 2 * 2 * 15 * 127 = 30480. */
static inline __attribute__((always_inline)) void avx2_block(const uint8_t *plane, int width, const int8_t *query,
                                                             int32_t *out) {
    const __m256i low = _mm256_set1_epi8(15);
    __m256i a32 = _mm256_setzero_si256(), b32 = a32;
    for (int g = 0; g < width / 8; g += 4) {
        __m256i a16 = _mm256_setzero_si256(), b16 = a16;
        for (int line = g; line < g + 4; line++) {
            const uint8_t *at = plane + 64 * line;
            const __m256i q0 = _mm256_set1_epi32(load_4(query + 8 * line));
            const __m256i q1 = _mm256_set1_epi32(load_4(query + 8 * line + 4));
            const __m256i a = _mm256_load_si256((const __m256i *)at);
            const __m256i b = _mm256_load_si256((const __m256i *)(at + 32));
            __builtin_prefetch(at + AHEAD_BYTES);
            a16 = _mm256_add_epi16(a16, _mm256_maddubs_epi16(_mm256_and_si256(a, low), q0));
            b16 = _mm256_add_epi16(b16, _mm256_maddubs_epi16(_mm256_and_si256(b, low), q0));
            a16 = _mm256_add_epi16(a16, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(a, 4), low), q1));
            b16 = _mm256_add_epi16(b16, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(b, 4), low), q1));
        }
        a32 = _mm256_add_epi32(a32, pairs(a16));
        b32 = _mm256_add_epi32(b32, pairs(b16));
    }
    _mm256_storeu_si256((__m256i *)out, a32);
    _mm256_storeu_si256((__m256i *)(out + 8), b32);
}

static void avx2_scores(const uint8_t *plane, int blocks, int width, const int8_t *query, int32_t *out) {
    for (int i = 0; i < blocks; i++)
        if (width == 128)
            avx2_block(plane + i * 1024, 128, query, out + 16 * i);
        else
            avx2_block(plane + i * 8 * width, width, query, out + 16 * i);
}

static inline __m256i avx2_bound(const gf_bound *bound, const int32_t *scores, const uint8_t *slack) {
    __m256i sum = _mm256_mullo_epi32(_mm256_loadu_si256((const __m256i *)scores), _mm256_set1_epi32(bound->factor));
    __m256i far = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)slack));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(far, _mm256_set1_epi32(bound->reach)));
}

static inline unsigned avx2_reaches(__m256i sum, int32_t bar) {
    __m256i misses = _mm256_cmpgt_epi32(_mm256_set1_epi32(bar), sum);
    return ~(unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(misses)) & 255;
}

static int avx2_candidates(const gf_bound *bound, const int32_t *scores, const uint8_t *slack, const int32_t *norms,
                           const int32_t *floors, int n, int32_t *out) {
    const __m128i shift = _mm_cvtsi32_si128(bound->shift);
    int found = 0;
    for (int i = 0; i < n; i += 8) {
        __m256i sum = avx2_bound(bound, scores + i, slack + i);
        unsigned hits = avx2_reaches(sum, bound->bar + (norms ? floors[i / 16] << bound->shift : 0));
        if (hits && norms) {
            __m256i norm = _mm256_loadu_si256((const __m256i *)(norms + i));
            hits = avx2_reaches(_mm256_sub_epi32(sum, _mm256_sll_epi32(norm, shift)), bound->bar);
        }
        for (; hits; hits &= hits - 1)
            out[found++] = i + __builtin_ctz(hits);
    }
    while (found && out[found - 1] >= n)
        found--;
    return found;
}

/* |x| as unsigned bytes times q with the sign of x: the pairs fit sixteen bits, 2 * 127 * 127 = 32258. */
static int32_t avx2_dot(const int8_t *row, const int8_t *query, int width) {
    __m256i sum = _mm256_setzero_si256();
    for (int i = 0; i < width; i += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(row + i));
        __m256i q = _mm256_loadu_si256((const __m256i *)(query + i));
        sum = _mm256_add_epi32(sum, pairs(_mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(q, x))));
    }
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1)));
}

static uint64_t avx2_read(const void *bytes, int64_t count) {
    const uint8_t *at = bytes;
    __m256i sums[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    int64_t i = 0;
    for (; i + 128 <= count; i += 128)
        for (int j = 0; j < 4; j++)
            sums[j] = _mm256_add_epi64(sums[j], _mm256_loadu_si256((const __m256i *)(at + i + 32 * j)));
    uint64_t words[4], rest = gf_portable.read(at + i, count - i);
    _mm256_storeu_si256((__m256i *)words,
                        _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3])));
    return words[0] + words[1] + words[2] + words[3] + rest;
}

const gf_path gf_avx2 = {"avx2", avx2_scores, avx2_candidates, avx2_dot, avx2_read};
#if !defined(GATEFW_SIMDE)
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vnni")
#endif
/* ---------------------------------------------------------------- AVX-512 VNNI */

static inline __m512i four(const int8_t *numbers) {
    int32_t bytes;
    __builtin_memcpy(&bytes, numbers, 4);
    return _mm512_set1_epi32(bytes);
}

/* Sixteen rows, one a lane: no sums across. The high codes stay where they are, as 16 times the code (240 at most fits
   an unsigned byte), and are divided once at the end. */
static inline __attribute__((always_inline)) void avx512_block(const uint8_t *plane, const int width,
                                                               const int8_t *query, int32_t *out) {
    const __m512i low = _mm512_set1_epi8(15), high = _mm512_set1_epi8((char)0xf0);
    __m512i low0 = _mm512_setzero_si512(), low1 = low0, high0 = low0, high1 = low0;
#pragma GCC unroll 8
    for (int g = 0; g < width / 8; g += 2) {
        const uint8_t *at = plane + 64 * g;
        const __m512i a = _mm512_load_si512((const void *)at), b = _mm512_load_si512((const void *)(at + 64));
        __builtin_prefetch(at + AHEAD_BYTES);
        __builtin_prefetch(at + AHEAD_BYTES + 64);
        low0 = _mm512_dpbusd_epi32(low0, _mm512_and_si512(a, low), four(query + 8 * g));
        high0 = _mm512_dpbusd_epi32(high0, _mm512_and_si512(a, high), four(query + 8 * g + 4));
        low1 = _mm512_dpbusd_epi32(low1, _mm512_and_si512(b, low), four(query + 8 * g + 8));
        high1 = _mm512_dpbusd_epi32(high1, _mm512_and_si512(b, high), four(query + 8 * g + 12));
    }
    const __m512i above = _mm512_srai_epi32(_mm512_add_epi32(high0, high1), 4);
    _mm512_storeu_si512((void *)out, _mm512_add_epi32(_mm512_add_epi32(low0, low1), above));
}

static void avx512_scores(const uint8_t *plane, int blocks, int width, const int8_t *query, int32_t *out) {
    for (int i = 0; i < blocks; i++)
        if (width == 128)
            avx512_block(plane + i * 1024, 128, query, out + 16 * i);
        else if (width == 512)
            avx512_block(plane + i * 4096, 512, query, out + 16 * i);
        else
            avx512_block(plane + i * 8 * width, width, query, out + 16 * i);
}

static int avx512_candidates(const gf_bound *bound, const int32_t *scores, const uint8_t *slack, const int32_t *norms,
                             const int32_t *floors, int n, int32_t *out) {
    const __m512i factor = _mm512_set1_epi32(bound->factor), reach = _mm512_set1_epi32(bound->reach);
    const __m512i bar = _mm512_set1_epi32(bound->bar);
    const __m128i shift = _mm_cvtsi32_si128(bound->shift);
    int found = 0;
    for (int i = 0; i < n; i += 16) {
        __m512i sum = _mm512_mullo_epi32(_mm512_loadu_si512((const void *)(scores + i)), factor);
        __m512i far = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(slack + i)));
        int32_t floor = norms ? floors[i / 16] << bound->shift : 0;
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(far, reach));
        unsigned hits = _mm512_cmpge_epi32_mask(sum, _mm512_set1_epi32(bound->bar + floor));
        if (hits && norms) {
            __m512i norm = _mm512_loadu_si512((const void *)(norms + i));
            hits = _mm512_cmpge_epi32_mask(_mm512_sub_epi32(sum, _mm512_sll_epi32(norm, shift)), bar);
        }
        for (; hits; hits &= hits - 1)
            out[found++] = i + __builtin_ctz(hits);
    }
    while (found && out[found - 1] >= n)
        found--;
    return found;
}

static inline int32_t total(__m512i sums) {
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
    __m128i quarter = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    quarter = _mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 0xb1)));
}

/* x + 128 as unsigned bytes; 128 sum(q) is taken off in the same pass. */
static int32_t avx512_dot(const int8_t *row, const int8_t *query, int width) {
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    __m512i sum = _mm512_setzero_si512(), much = sum;
    for (int i = 0; i < width; i += 64) {
        __m512i q = _mm512_loadu_si512((const void *)(query + i));
        sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(_mm512_loadu_si512((const void *)(row + i)), flip), q);
        much = _mm512_dpbusd_epi32(much, flip, q);
    }
    return total(_mm512_sub_epi32(sum, much));
}

static uint64_t avx512_read(const void *bytes, int64_t count) {
    const uint8_t *at = bytes;
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 256 <= count; i += 256) {
        a = _mm512_add_epi64(a, _mm512_loadu_si512((const void *)(at + i)));
        b = _mm512_add_epi64(b, _mm512_loadu_si512((const void *)(at + i + 64)));
        c = _mm512_add_epi64(c, _mm512_loadu_si512((const void *)(at + i + 128)));
        d = _mm512_add_epi64(d, _mm512_loadu_si512((const void *)(at + i + 192)));
    }
    uint64_t words[8], sum = gf_portable.read(at + i, count - i);
    _mm512_storeu_si512((void *)words, _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(c, d)));
    for (int j = 0; j < 8; j++)
        sum += words[j];
    return sum;
}

const gf_path gf_avx512vnni = {"avx512vnni", avx512_scores, avx512_candidates, avx512_dot, avx512_read};
#if !defined(GATEFW_SIMDE)
#pragma GCC pop_options
#endif
#endif
