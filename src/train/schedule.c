#include "train/schedule.h"

#include <math.h>

#include "base/mem.h"

#define PI 3.14159265358979323846

static double constant(double x)
{
    (void)x;
    return 1;
}

static double step(double x)
{
    return x < 1.0 / 3 ? 1 : x < 2.0 / 3 ? 0.1 : 0.01;
}

static double cosine(double x)
{
    return (1 + cos(PI * x)) / 2;
}

static double poly(double x)
{
    return (1 - x) * (1 - x);
}

static const struct {
    const char *name;
    double (*factor)(double x); /* x = t / T */
} schedules[] = {
    [OCELLI_CONSTANT] = {"constant", constant},
    [OCELLI_STEP] = {"step", step},
    [OCELLI_COSINE] = {"cosine", cosine},
    [OCELLI_POLY] = {"poly", poly},
};

/* Warm-up as in Goyal et al. 2017, section 2.2, from lr / warmup on; the schedule has what is left.
 */
float schedule_lr(const struct schedule *s, int64_t t)
{
    if (t < s->warmup)
        return (float)((double)s->lr * (double)(t + 1) / (double)s->warmup);
    double x = (double)(t - s->warmup) / (double)MAX(s->steps - s->warmup, 1);
    return (float)((double)s->lr * schedules[s->kind].factor(x));
}

const char *schedule_name(enum ocelli_schedule kind)
{
    return (unsigned)kind < COUNT(schedules) ? schedules[kind].name : NULL;
}
