#include "oracle/lrn.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_lrn_params *a = p->attr;
    const struct ocelli_shape *s = &p->in[1].shape;
    const double *dy = in[0], *x = in[1];
    int64_t area = area_of(s);
    for (int64_t i = 0; i < shape_count(s); i++) {
        int64_t c = channel_at(s, i);
        double v = dy[i] * pow(lrn_divisor(p, x, s, i), -a->beta), sum = 0, size = 0;
        for (int64_t j = c - a->size / 2; j <= c + (a->size - 1) / 2; j++) {
            if (j < 0 || j >= s->dim[1])
                continue;
            int64_t at = i + (j - c) * area;
            double t = dy[at] * x[at] * pow(lrn_divisor(p, x, s, at), -a->beta - 1);
            sum += t;
            size += fabs(t);
        }
        double k = 2 * a->alpha * a->beta / a->size * x[i];
        out[0][i] = v - k * sum;
        mag[0][i] = 4 * (fabs(v) + fabs(k) * size);
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char x[SHAPE_TEXT];
    int c;
    random_shape(seed, 2, 5, budget, x, &c);
    text_add(out, "lrn_bwd dy=%s x=%s size=%d alpha=0.5 bias=2", x, x, pick(seed, 1, 1, 6));
}

const struct oracle oracle_lrn_bwd = {.run = run, .ulps = 16, .inexact = true, .random = random_problem};
