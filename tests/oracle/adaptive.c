#include <math.h>

#include "ops/attrs.h"
#include "oracle/random.h"

enum { W, G, LR, S, M, RUNS };

/* The results are w, s and, where there is one, m. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct adaptive_attr *a = p->attr;
    double lr = in[LR][0], rho = a->decay, mu = a->momentum;
    for (int64_t i = 0; i < shape_count(&p->in[W].shape); i++) {
        double w = in[W][i], d = in[G][i], s = in[S][i], m = in[M] ? in[M][i] : 0, size;
        if (a->decoupled)
            w -= lr * a->weight_decay * w;
        else
            d += a->weight_decay * w;
        s = a->kind == ADAPTIVE_ADAGRAD ? s + d * d : rho * s + (1 - rho) * d * d;
        if (a->kind == ADAPTIVE_ADAM) {
            double t = in[RUNS][0] + 1, mhat, root;
            size = fabs(mu * m) + fabs((1 - mu) * d);
            m = mu * m + (1 - mu) * d;
            mhat = m / (1 - pow(mu, t));
            root = sqrt(s / (1 - pow(rho, t))) + a->epsilon;
            d = mhat / root;
            mag[2][i] = size;
            size = size / (1 - pow(mu, t)) / root;
        } else {
            d /= sqrt(s) + a->epsilon;
            size = fabs(d);
            if (in[M]) {
                size += fabs(mu * m);
                m = d = d + mu * m;
                mag[2][i] = size;
            }
        }
        out[0][i] = w - lr * d;
        mag[0][i] = fabs(w) + lr * size;
        out[1][i] = mag[1][i] = s;
        if (in[M])
            out[2][i] = m;
    }
}

static double terms(const struct problem *p, int k)
{
    (void)p;
    (void)k;
    return 30; /* roots and powers besides the sums */
}

/* Squares are not negative, and some way from 0, where their root would be all error. */
static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    (void)mode;
    if (i == LR)
        x[0] = 0.01 + 0.5 * random_uniform(seed, LR, 0);
    else if (i == RUNS)
        x[0] = pick(seed, 3, 0, 1000);
    else if (i == S)
        for (int64_t j = 0; j < shape_count(&p->in[S].shape); j++)
            x[j] = (float)(0.01 + random_uniform(seed, S, (uint64_t)j));
    else
        return false;
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char w[SHAPE_TEXT];
    int c, kind = pick(seed, 1, 0, 2);
    random_shape(seed, 1, 4, budget, w, &c);
    text_add(out, "adaptive w=%s g=%s lr=scalar s=%s", w, w, w);
    if (kind == 0)
        text_add(out, " kind=adagrad");
    else if (kind == 1)
        text_add(out, " kind=rmsprop decay=0.9");
    else
        text_add(out, " m=%s runs=scalar kind=adam momentum=0.9 decay=0.99", w);
    if (pick(seed, 2, 0, 1))
        text_add(out, " weight_decay=0.0005 decoupled=%d", pick(seed, 4, 0, 1));
}

const struct oracle oracle_adaptive = {
    .run = run, .terms = terms, .ulps = 16, .inexact = true, .fill = fill, .random = random_problem};
