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

float schedule_lr(enum ocelli_schedule kind, float lr, int64_t t, int64_t steps)
{
    return (float)((double)lr * schedules[kind].factor((double)t / (double)steps));
}

const char *schedule_name(enum ocelli_schedule kind)
{
    return (unsigned)kind < COUNT(schedules) ? schedules[kind].name : NULL;
}
