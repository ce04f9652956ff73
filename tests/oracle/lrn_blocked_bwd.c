#include "oracle/blocked.h"

/* Channel c of one pixel's, 0 outside. */
static double of(const struct problem *p, const double *v, int64_t n, int64_t c, int64_t i)
{
    const int64_t *d = p->in[0].shape.dim;
    return c < 0 || c >= d[1] * d[4] ? 0 : v[blocked_at(n, c, i, d[1], d[2] * d[3], d[4])];
}

static double divisor(const struct problem *p, const double *x, int64_t n, int64_t c, int64_t i)
{
    const struct ocelli_lrn_params *a = p->attr;
    double sum = 0;
    for (int64_t j = c - (a->size - 1) / 2; j <= c + a->size / 2; j++)
        sum += of(p, x, n, j, i) * of(p, x, n, j, i);
    return a->bias + a->alpha / a->size * sum;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_lrn_params *a = p->attr;
    const int64_t *d = p->in[0].shape.dim, area = d[2] * d[3];
    for (int64_t n = 0; n < d[0]; n++) {
        for (int64_t c = 0; c < d[1] * d[4]; c++) {
            for (int64_t i = 0; i < area; i++) {
                double v = of(p, in[0], n, c, i) * pow(divisor(p, in[1], n, c, i), -a->beta);
                double sum = 0, size = 0;
                for (int64_t j = c - a->size / 2; j <= c + (a->size - 1) / 2; j++) {
                    double t = of(p, in[0], n, j, i) * of(p, in[1], n, j, i);
                    t *= j < 0 || j >= d[1] * d[4] ? 0
                                                   : pow(divisor(p, in[1], n, j, i), -a->beta - 1);
                    sum += t;
                    size += fabs(t);
                }
                double k = 2 * a->alpha * a->beta / a->size * of(p, in[1], n, c, i);
                int64_t at = blocked_at(n, c, i, d[1], area, d[4]);
                out[0][at] = v - k * sum;
                mag[0][at] = 4 * (fabs(v) + fabs(k) * size);
            }
        }
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int v = 4 << pick(seed, 1, 0, 2), n = pick(seed, 2, 1, 2), c = pick(seed, 3, 1, 3);
    int most = MAX((int)fmin(sqrt(budget / (n * c * v * 40)), 20), 1);
    int h = pick(seed, 4, 1, most), w = pick(seed, 5, 1, most);
    text_add(
        out, "lrn_blocked_bwd dy=%dx%dx%dx%dx%d x=%dx%dx%dx%dx%d size=%d alpha=0.5 beta=%s bias=2",
        n, c, h, w, v, n, c, h, w, v, pick(seed, 6, 1, 7), pick(seed, 7, 0, 1) ? "0.75" : "0.6");
}

const struct oracle oracle_lrn_blocked_bwd = {
    .run = run, .ulps = 32, .inexact = true, .random = random_problem};
