/* Initialisers. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "plan/weights.h"

/* fan_in: what one output sums over; fan_out: what one input goes to. */
static void fans(const struct value *v, double *in, double *out)
{
    const struct ocelli_shape *s = &v->desc.shape;
    double area = 1, inputs = 1;
    for (int i = 2; i < s->rank; i++)
        area *= (double)s->dim[i];
    if (s->rank > 1)
        inputs = (double)s->dim[1];
    *in = v->init.fan_in ? (double)v->init.fan_in : inputs * area;
    *out = v->init.fan_out ? (double)v->init.fan_out : (s->rank > 0 ? (double)s->dim[0] : 1) * area;
}

/* U(-a, a) or N(0, a^2), by kind. */
static double spread(const struct value *v, bool *normal)
{
    double in, out;
    fans(v, &in, &out);
    *normal = false;
    switch (v->init.kind) {
    case OCELLI_INIT_XAVIER:
        return sqrt(6 / (in + out));
    case OCELLI_INIT_XAVIER_NORMAL:
        *normal = true;
        return sqrt(2 / (in + out));
    case OCELLI_INIT_HE:
        *normal = true;
        return sqrt(2 / in);
    case OCELLI_INIT_LECUN:
        return sqrt(3 / in);
    case OCELLI_INIT_UNIFORM:
        return v->init.value;
    case OCELLI_INIT_NORMAL:
        *normal = true;
        return v->init.value;
    default:
        return sqrt(6 / in);
    }
}

void initial_values(const struct value *v, uint64_t seed, float *out)
{
    int64_t n = shape_count(&v->desc.shape);
    uint64_t stream = hash64(v->name, strlen(v->name), 0);
    bool normal;
    double a = spread(v, &normal);
    for (int64_t i = 0; i < n; i++) {
        if (v->init.kind == OCELLI_INIT_CONSTANT)
            out[i] = v->init.value;
        else if (normal)
            out[i] = (float)(a * random_normal(seed, stream, (uint64_t)i));
        else
            out[i] = (float)(a * (2 * random_uniform(seed, stream, (uint64_t)i) - 1));
    }
}
