#include "oracle/channels.h"
#include "oracle/labels.h"
#include "ops/attrs.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct nll_bwd_attr *a = p->attr;
    const struct ocelli_shape *s = &p->out[0].shape;
    int64_t area = area_of(s);
    for (int64_t i = 0; i < shape_count(s); i++) {
        int64_t c = channel_at(s, i), n = i / area / a->classes, at = n * area + i % area;
        bool hit = (int64_t)in[1][at] == c && !(a->nll.has_ignore && c == a->nll.ignore);
        out[0][i] = hit ? -(in[2] ? in[2][c] : 1) * in[0][at] : 0;
        mag[0][i] = fabs(out[0][i]);
    }
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    const struct nll_bwd_attr *a = p->attr;
    (void)mode;
    if (i != 1)
        return false;
    for (int64_t n = 0; n < shape_count(&p->in[1].shape); n++)
        x[n] = label_of(seed, n, a->classes);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int n = pick(seed, 1, 6, 40), c = pick(seed, 2, 2, 9), s = pick(seed, 3, 2, 9);
    (void)budget;
    text_add(out, "nll_bwd dy=%dx%d target=%dx%d:%s classes=%d", n, s, n, s,
             pick(seed, 4, 0, 1) ? "i32" : "i64", c);
    if (pick(seed, 5, 0, 1))
        text_add(out, " weight=%d", c);
    if (pick(seed, 6, 0, 1))
        text_add(out, " has_ignore=1 ignore=%d", pick(seed, 8, -2, 1));
}

const struct oracle oracle_nll_bwd = {.run = run, .fill = fill, .random = random_problem};
