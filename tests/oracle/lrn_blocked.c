#include "oracle/blocked.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_lrn_params *a = p->attr;
    const int64_t *d = p->in[0].shape.dim, channels = d[1] * d[4], area = d[2] * d[3];
    for (int64_t n = 0; n < d[0]; n++) {
        for (int64_t c = 0; c < channels; c++) {
            for (int64_t i = 0; i < area; i++) {
                double sum = 0;
                for (int64_t j = c - (a->size - 1) / 2; j <= c + a->size / 2; j++) {
                    double v =
                        j >= 0 && j < channels ? in[0][blocked_at(n, j, i, d[1], area, d[4])] : 0;
                    sum += v * v;
                }
                int64_t at = blocked_at(n, c, i, d[1], area, d[4]);
                out[0][at] = in[0][at] * pow(a->bias + a->alpha / a->size * sum, -a->beta);
                mag[0][at] = fabs(out[0][at]);
            }
        }
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int v = 4 << pick(seed, 1, 0, 2), n = pick(seed, 2, 1, 2), c = pick(seed, 3, 1, 3);
    int most = MAX((int)fmin(sqrt(budget / (n * c * v * 8)), 20), 1);
    text_add(out, "lrn_blocked x=%dx%dx%dx%dx%d size=%d alpha=0.5 beta=%s", n, c,
             pick(seed, 4, 1, most), pick(seed, 5, 1, most), v, pick(seed, 6, 1, 7),
             pick(seed, 7, 0, 1) ? "0.75" : "0.6");
}

const struct oracle oracle_lrn_blocked = {
    .run = run, .ulps = 32, .inexact = true, .random = random_problem};
