#include "oracle/channels.h"
#include "oracle/labels.h"

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_nll_params *a = p->attr;
    const struct ocelli_shape *s = &p->in[0].shape;
    int64_t area = area_of(s), classes = s->dim[1];
    for (int64_t i = 0; i < shape_count(&p->out[0].shape); i++) {
        int64_t t = (int64_t)in[1][i];
        double y = NAN;
        if (a->has_ignore && t == a->ignore)
            y = 0;
        else if (t >= 0 && t < classes) {
            y = in[2] ? in[2][t] : 1;
            if (!a->weights_only)
                y *= -in[0][(i / area * classes + t) * area + i % area];
        }
        out[0][i] = y;
        mag[0][i] = isnan(y) ? 0 : fabs(y);
    }
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    (void)mode;
    if (i != 1)
        return false;
    for (int64_t n = 0; n < shape_count(&p->in[1].shape); n++)
        x[n] = label_of(seed, n, p->in[0].shape.dim[1]);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    int n = pick(seed, 1, 2, 40), c = pick(seed, 2, 2, 20), s = pick(seed, 3, 1, 9);
    if (n * c * s > budget)
        s = 1;
    text_add(out, "nll x=%dx%dx%d target=%dx%d:%s", n, c, s, n, s, pick(seed, 4, 0, 1) ? "i32" : "i64");
    if (pick(seed, 5, 0, 1))
        text_add(out, " weight=%d weights_only=%d", c, pick(seed, 7, 0, 1));
    if (pick(seed, 6, 0, 1))
        text_add(out, " has_ignore=1 ignore=%d", pick(seed, 8, -2, 1));
}

const struct oracle oracle_nll = {.run = run, .fill = fill, .random = random_problem};
