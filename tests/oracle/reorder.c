#include "oracle/blocked.h"
#include "ops/attrs.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct reorder_attr *a = p->attr;
    const int64_t *plain = (a->block ? p->in : p->out)[0].shape.dim;
    const int64_t *blocked = (a->block ? p->out : p->in)[0].shape.dim, area = plain[2] * plain[3];
    for (int64_t n = 0; n < plain[0]; n++) {
        for (int64_t c = 0; c < plain[1]; c++) {
            for (int64_t i = 0; i < area; i++) {
                int64_t at = (n * plain[1] + c) * area + i;
                int64_t b = blocked_at(n, c, i, blocked[1], area, blocked[4]);
                out[0][a->block ? b : at] = in[0][a->block ? at : b];
            }
        }
    }
    (void)mag; /* nothing is rounded */
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int n = pick(seed, 1, 1, 3), c = pick(seed, 2, 1, 40), v = 4 << pick(seed, 3, 0, 2);
    int most = MAX((int)fmin(sqrt(budget / (n * c)), 40), 1), h = pick(seed, 4, 1, most);
    int w = pick(seed, 5, 1, most);
    if (pick(seed, 6, 0, 1))
        text_add(out, "reorder x=%dx%dx%dx%d block=%d", n, c, h, w, v);
    else
        text_add(out, "reorder x=%dx%dx%dx%dx%d channels=%d", n, (c + v - 1) / v, h, w, v, c);
}

const struct oracle oracle_reorder = {.run = run, .random = random_problem};
