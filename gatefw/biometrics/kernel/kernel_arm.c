/* The paths of arm64: NEON (Cortex-A72, Raspberry Pi 4), and NEON with dot products (Cortex-A76, Raspberry Pi 5). */
#include "kernel.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#define AHEAD_BYTES 1024

/* ---------------------------------------------------------------- what both share */

/* Whether one of four rows may reach the bar is asked first: mostly none does. */
static int neon_candidates(const gf_bound *bound, const int32_t *scores, const uint8_t *slack, const int32_t *norms,
                           const int32_t *floors, int n, int32_t *out) {
    const int32x4_t bar = vdupq_n_s32(bound->bar), shift = vdupq_n_s32(bound->shift);
    int found = 0;
    for (int i = 0; i < n; i += 8) {
        uint16x8_t far = vmovl_u8(vld1_u8(slack + i));
        int32x4_t first = vdupq_n_s32(bound->bar + (norms ? floors[i / 16] << bound->shift : 0));
        for (int half = 0; half < 8; half += 4) {
            uint16x4_t near = half ? vget_high_u16(far) : vget_low_u16(far);
            int32x4_t sum = vmulq_n_s32(vld1q_s32(scores + i + half), bound->factor);
            sum = vmlaq_n_s32(sum, vreinterpretq_s32_u32(vmovl_u16(near)), bound->reach);
            uint32x4_t hits = vcgeq_s32(sum, first);
            if (!vmaxvq_u32(hits))
                continue;
            if (norms)
                hits = vcgeq_s32(vsubq_s32(sum, vshlq_s32(vld1q_s32(norms + i + half), shift)), bar);
            uint32_t hit[4];
            vst1q_u32(hit, hits);
            for (int j = 0; j < 4; j++)
                if (hit[j])
                    out[found++] = i + half + j;
        }
    }
    while (found && out[found - 1] >= n)
        found--;
    return found;
}

static uint64_t neon_read(const void *bytes, int64_t count) {
    const uint8_t *at = bytes;
    uint64x2_t a = vdupq_n_u64(0), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 64 <= count; i += 64) {
        a = vaddq_u64(a, vreinterpretq_u64_u8(vld1q_u8(at + i)));
        b = vaddq_u64(b, vreinterpretq_u64_u8(vld1q_u8(at + i + 16)));
        c = vaddq_u64(c, vreinterpretq_u64_u8(vld1q_u8(at + i + 32)));
        d = vaddq_u64(d, vreinterpretq_u64_u8(vld1q_u8(at + i + 48)));
    }
    a = vaddq_u64(vaddq_u64(a, b), vaddq_u64(c, d));
    return vgetq_lane_u64(a, 0) + vgetq_lane_u64(a, 1) + gf_portable.read(at + i, count - i);
}

/* ---------------------------------------------------------------- NEON */

static inline int8x16_t repeated(const int8_t *numbers) {
    int32_t bytes;
    __builtin_memcpy(&bytes, numbers, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(bytes));
}

/* Four rows a register of sixteen bytes, so eight sums of sixteen bits for two of them. Eight lines fit:
   8 * 2 * 15 * 127 = 30480. */
static inline __attribute__((always_inline)) void neon_block(const uint8_t *plane, int width, const int8_t *query,
                                                             int32_t *out) {
    const uint8x16_t low = vdupq_n_u8(15);
    int32x4_t sums[8];
    for (int i = 0; i < 8; i++)
        sums[i] = vdupq_n_s32(0);
    for (int g = 0; g < width / 8; g += 8) {
        int16x8_t some[8];
        for (int i = 0; i < 8; i++)
            some[i] = vdupq_n_s16(0);
        for (int line = g; line < g + 8; line++) {
            const int8x16_t q0 = repeated(query + 8 * line), q1 = repeated(query + 8 * line + 4);
            __builtin_prefetch(plane + 64 * line + AHEAD_BYTES);
            for (int i = 0; i < 4; i++) {
                const uint8x16_t codes = vld1q_u8(plane + 64 * line + 16 * i);
                const int8x16_t c0 = vreinterpretq_s8_u8(vandq_u8(codes, low));
                const int8x16_t c1 = vreinterpretq_s8_u8(vshrq_n_u8(codes, 4));
                some[2 * i] = vmlal_s8(some[2 * i], vget_low_s8(c0), vget_low_s8(q0));
                some[2 * i + 1] = vmlal_high_s8(some[2 * i + 1], c0, q0);
                some[2 * i] = vmlal_s8(some[2 * i], vget_low_s8(c1), vget_low_s8(q1));
                some[2 * i + 1] = vmlal_high_s8(some[2 * i + 1], c1, q1);
            }
        }
        for (int i = 0; i < 8; i++)
            sums[i] = vpadalq_s16(sums[i], some[i]);
    }
    for (int i = 0; i < 4; i++)
        vst1q_s32(out + 4 * i, vpaddq_s32(sums[2 * i], sums[2 * i + 1]));
}

static void neon_scores(const uint8_t *plane, int blocks, int width, const int8_t *query, int32_t *out) {
    for (int i = 0; i < blocks; i++)
        if (width == 128)
            neon_block(plane + i * 1024, 128, query, out + 16 * i);
        else
            neon_block(plane + i * 8 * width, width, query, out + 16 * i);
}

/* Two products fit sixteen bits: 2 * 127 * 127 = 32258. */
static int32_t neon_dot(const int8_t *row, const int8_t *query, int width) {
    int32x4_t a = vdupq_n_s32(0), b = a;
    for (int i = 0; i < width; i += 32) {
        const int8x16_t x = vld1q_s8(row + i), q = vld1q_s8(query + i);
        const int8x16_t y = vld1q_s8(row + i + 16), r = vld1q_s8(query + i + 16);
        a = vpadalq_s16(a, vmlal_high_s8(vmull_s8(vget_low_s8(x), vget_low_s8(q)), x, q));
        b = vpadalq_s16(b, vmlal_high_s8(vmull_s8(vget_low_s8(y), vget_low_s8(r)), y, r));
    }
    return vaddvq_s32(vaddq_s32(a, b));
}

const gf_path gf_neon = {"neon", neon_scores, neon_candidates, neon_dot, neon_read};

/* ---------------------------------------------------------------- NEON with dot products */
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")

static inline __attribute__((always_inline)) void dotprod_block(const uint8_t *plane, int width, const int8_t *query,
                                                                int32_t *out) {
    const uint8x16_t low = vdupq_n_u8(15);
    int32x4_t sums[4];
    for (int i = 0; i < 4; i++)
        sums[i] = vdupq_n_s32(0);
    for (int g = 0; g < width / 8; g += 2) {
        const int8x16_t q = vld1q_s8(query + 8 * g);
        __builtin_prefetch(plane + 64 * g + AHEAD_BYTES);
        __builtin_prefetch(plane + 64 * g + AHEAD_BYTES + 64);
        for (int i = 0; i < 4; i++) {
            const uint8x16_t a = vld1q_u8(plane + 64 * g + 16 * i), b = vld1q_u8(plane + 64 * g + 64 + 16 * i);
            sums[i] = vdotq_laneq_s32(sums[i], vreinterpretq_s8_u8(vandq_u8(a, low)), q, 0);
            sums[i] = vdotq_laneq_s32(sums[i], vreinterpretq_s8_u8(vshrq_n_u8(a, 4)), q, 1);
            sums[i] = vdotq_laneq_s32(sums[i], vreinterpretq_s8_u8(vandq_u8(b, low)), q, 2);
            sums[i] = vdotq_laneq_s32(sums[i], vreinterpretq_s8_u8(vshrq_n_u8(b, 4)), q, 3);
        }
    }
    for (int i = 0; i < 4; i++)
        vst1q_s32(out + 4 * i, sums[i]);
}

static void dotprod_scores(const uint8_t *plane, int blocks, int width, const int8_t *query, int32_t *out) {
    for (int i = 0; i < blocks; i++)
        if (width == 128)
            dotprod_block(plane + i * 1024, 128, query, out + 16 * i);
        else
            dotprod_block(plane + i * 8 * width, width, query, out + 16 * i);
}

static int32_t dotprod_dot(const int8_t *row, const int8_t *query, int width) {
    int32x4_t a = vdupq_n_s32(0), b = a;
    for (int i = 0; i < width; i += 32) {
        a = vdotq_s32(a, vld1q_s8(row + i), vld1q_s8(query + i));
        b = vdotq_s32(b, vld1q_s8(row + i + 16), vld1q_s8(query + i + 16));
    }
    return vaddvq_s32(vaddq_s32(a, b));
}

#pragma GCC pop_options
const gf_path gf_dotprod = {"dotprod", dotprod_scores, neon_candidates, dotprod_dot, neon_read};
#endif
