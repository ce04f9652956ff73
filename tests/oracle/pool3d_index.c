#include "oracle/pool3d.h"

struct window {
    const struct volume *v;
    const double *x;
    bool columns;
    double most;
    int64_t place;
};

static void visit(void *user, int64_t z, int64_t y, int64_t x)
{
    struct window *w = user;
    const struct axis *a = w->v->axis;
    double t = w->x[(z * a[1].in + y) * a[2].in + x];
    if (w->place >= 0 && !(t > w->most) && !(isnan(t) && !isnan(w->most)))
        return;
    w->most = t;
    w->place = w->columns ? (x * a[1].in + y) * a[0].in + z : (z * a[1].in + y) * a[2].in + x;
}

static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct ocelli_pool_params *a = p->attr;
    struct volume v = volume_of(p);
    int64_t n = windows(&v);
    for (int64_t i = 0; i < shape_count(&p->out[0].shape); i++) {
        int64_t first = i / n * volume(&v);
        struct window w = {&v, in[0] + first, a->column_major, 0, -1};
        each_tap(&v, i % n, visit, &w);
        out[0][i] = !v.fits ? -2 : w.place < 0 ? -1 : (double)(first + w.place);
        mag[0][i] = 0;
    }
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    static const char *const types[] = {"", "", ":f64", ":u8", ":i8", ":i64"};
    struct text words = {0};
    int in[3];
    random_volume(seed, budget, in, &words);
    text_add(out, "pool3d_index x=%dx%dx%dx%dx%d%s%s column_major=%d", pick(seed, 312, 1, 2),
             pick(seed, 313, 1, 4), in[0], in[1], in[2], types[pick(seed, 310, 0, 5)],
             words.s ? words.s : "", pick(seed, 314, 0, 1));
    text_free(&words);
}

const struct oracle oracle_pool3d_index = {.run = run, .random = random_problem};
