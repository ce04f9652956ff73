#include <math.h>

#include "oracle/random.h"
#include "ops/attrs.h"

enum { W, G, LR, V };

/* PyTorch's SGD: d = g + decay w (decoupled: w -= lr decay w, d = g); v = momentum v + d; w -= lr (nesterov ? d + momentum v : v). The
 * results are w and then, with momentum, v. */
static void run(const struct problem *p, const double *const *in, double *const *out,
                double *const *mag)
{
    const struct sgd_attr *a = p->attr;
    double lr = in[LR][0];
    for (int64_t i = 0; i < shape_count(&p->in[W].shape); i++) {
        double w = in[W][i], decay = a->weight_decay * w, d = in[G][i] + (a->decoupled ? 0 : decay);
        double size = fabs(in[G][i]) + fabs(decay);
        if (in[V]) {
            double v = a->momentum * in[V][i] + d;
            size += fabs(a->momentum * in[V][i]);
            out[1][i] = v;
            mag[1][i] = size;
            d = a->nesterov ? d + a->momentum * v : v;
            size *= a->nesterov ? 1 + (double)a->momentum : 1;
        }
        out[0][i] = w - lr * (d + (a->decoupled ? decay : 0));
        mag[0][i] = fabs(w) + lr * size;
    }
}

static bool fill(const struct problem *p, int i, enum fill_mode mode, uint64_t seed, double *x)
{
    (void)p;
    (void)mode;
    if (i != LR)
        return false;
    x[0] = 0.01 + 0.5 * random_uniform(seed, LR, 0);
    return true;
}

static void random_problem(uint64_t seed, double budget, struct text *out)
{
    char w[SHAPE_TEXT];
    int c;
    random_shape(seed, 1, 4, budget, w, &c);
    text_add(out, "sgd w=%s g=%s lr=scalar", w, w);
    if (pick(seed, 1, 0, 1))
        text_add(out, " v=%s momentum=0.9%s", w, pick(seed, 2, 0, 1) ? " nesterov=1" : "");
    if (pick(seed, 3, 0, 1))
        text_add(out, " weight_decay=0.0005%s", pick(seed, 4, 0, 1) ? " decoupled=1" : "");
}

const struct oracle oracle_sgd = {
    .run = run, .inexact = true, .fill = fill, .random = random_problem};
