// The search for block scales of block_formats.py, and Q4_0's packing, in one pass over the weights: the same sums in
// the same order, so the same bytes. compiled.py builds it where there is a compiler.

#include <math.h>
#include <stdint.h>

enum { BLOCK = 32, LANES = 16 };

// Blocks lie one after the other; LANES of them are looked at side by side. An error counts importance[column],
// or where there is none sqrt(mean[row] + weight^2). reach[] are the first guesses: code / largest weight.
void best_scales(const float *weights, const float *importance, const float *mean, int64_t blocks,
                 int64_t blocks_in_row, const float *reach, int tries, float lowest, float highest,
                 float tiny, float nothing, float *scales)
{
    for (int64_t first = 0; first < blocks; first += LANES) {
        int lanes = blocks - first < LANES ? (int)(blocks - first) : LANES;
        float weight[BLOCK][LANES] = {{0}}, counts[BLOCK][LANES] = {{0}};
        float of_row[LANES] = {0}, inverse[LANES], best[LANES], most[LANES];
        for (int lane = 0; lane < lanes; lane++) {
            int64_t block = first + lane;
            for (int i = 0; i < BLOCK; i++) weight[i][lane] = weights[block * BLOCK + i];
            if (importance)
                for (int i = 0; i < BLOCK; i++)
                    counts[i][lane] = importance[block % blocks_in_row * BLOCK + i];
            else
                of_row[lane] = mean[block / blocks_in_row];
        }
        if (!importance)
            for (int i = 0; i < BLOCK; i++)
                for (int lane = 0; lane < LANES; lane++)
                    counts[i][lane] = sqrtf(weight[i][lane] * weight[i][lane] + of_row[lane]);
        for (int lane = 0; lane < LANES; lane++) {
            float high = weight[0][lane], low = high;
            for (int i = 1; i < BLOCK; i++) {
                high = weight[i][lane] > high ? weight[i][lane] : high;
                low = weight[i][lane] < low ? weight[i][lane] : low;
            }
            float largest = high > -low ? high : low;
            inverse[lane] = fabsf(largest) < nothing ? 0 : 1 / largest;
            best[lane] = 0;
            most[lane] = -1;
        }
        for (int at = 0; at < tries; at++) {
            float fit[LANES] = {0}, power[LANES] = {0}, steps[LANES];
            for (int lane = 0; lane < LANES; lane++) steps[lane] = inverse[lane] * reach[at];
            for (int i = 0; i < BLOCK; i++)
                for (int lane = 0; lane < LANES; lane++) {
                    float code = rintf(weight[i][lane] * steps[lane]);
                    code = code < lowest ? lowest : code;
                    code = code > highest ? highest : code;
                    fit[lane] += code * (weight[i][lane] * counts[i][lane]);
                    power[lane] += code * code * counts[i][lane];
                }
            for (int lane = 0; lane < LANES; lane++) {
                float scale = fit[lane] / (power[lane] < tiny ? tiny : power[lane]);
                float gain = fit[lane] * scale;
                // The first that is no number wins, as in numpy: it must not become a block of zeros.
                int better = gain > most[lane] || (gain != gain && most[lane] == most[lane]);
                best[lane] = better ? scale : best[lane];
                most[lane] = better ? gain : most[lane];
            }
        }
        for (int lane = 0; lane < lanes; lane++) scales[first + lane] = best[lane];
    }
}

// Q4_0 blocks: the scale's F16 bits, then each code plus 8, the first half in the low bits.
void pack_q4_0(const float *weights, const float *inverses, const uint16_t *scale_bits, int64_t blocks,
               uint8_t *packed)
{
    for (int64_t block = 0; block < blocks; block++, weights += BLOCK, packed += 2 + BLOCK / 2) {
        int32_t codes[BLOCK];
        for (int i = 0; i < BLOCK; i++) {
            float code = rintf(weights[i] * inverses[block]);
            code = code < -8 ? -8 : code;
            code = code > 7 ? 7 : code;
            code = code == code ? code : 0;  // C says nothing of what an integer without a number is
            codes[i] = (int32_t)code + 8;
        }
        packed[0] = (uint8_t)scale_bits[block];
        packed[1] = (uint8_t)(scale_bits[block] >> 8);
        for (int i = 0; i < BLOCK / 2; i++)
            packed[2 + i] = (uint8_t)(codes[i] | codes[i + BLOCK / 2] << 4);
    }
}
