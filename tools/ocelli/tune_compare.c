/* A network before and after tuning, turn about. */
#include <stdlib.h>
#include <time.h>

#include "cmd_tune.h"

#define ROUNDS 15
#define WARM_UP 2

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of all threads of this process, or by the clock. */
static double seconds(bool busy)
{
    struct timespec t;

    if (!busy)
        return now_seconds();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int once(struct ocelli_device *dev, struct ocelli_plan *plan, bool busy, double *ms)
{
    double start = seconds(busy);
    int err = ocelli_plan_run(plan);

    err = err ? err : ocelli_device_finish(dev);
    *ms = 1e3 * (seconds(busy) - start);
    return err;
}

int tune_compare(const struct cli *cli, struct ocelli_device *dev, const struct ocelli_graph *g,
                 bool busy, double *before, double *after)
{
    static const enum ocelli_effort effort[2] = {OCELLI_EFFORT_OFF, OCELLI_EFFORT_DB};
    struct ocelli_plan *plan[2] = {NULL};
    struct ocelli_weights *w = NULL;
    double ms[2][ROUNDS], warm;
    int err = ocelli_weights_create(&w, dev, g, cli->seed);

    for (int i = 0; i < 2 && err == 0; i++)
        err = ocelli_plan_create(&plan[i], dev, g,
                                 &(struct ocelli_plan_params){.weights = w, .effort = effort[i]});
    for (int r = 0; r < WARM_UP && err == 0; r++)
        for (int i = 0; i < 2 && err == 0; i++)
            err = once(dev, plan[i], busy, &warm);
    for (int r = 0; r < ROUNDS && err == 0; r++)
        for (int i = 0; i < 2 && err == 0; i++)
            err = once(dev, plan[(r + i) % 2], busy, &ms[(r + i) % 2][r]);
    for (int i = 0; i < 2; i++) {
        qsort(ms[i], ROUNDS, sizeof(ms[i][0]), by_value);
        ocelli_plan_destroy(&plan[i]);
    }
    ocelli_weights_destroy(&w);
    if (err)
        return cli_failed(NULL, err);
    *before = ms[0][ROUNDS / 2];
    *after = ms[1][ROUNDS / 2];
    return EXIT_DONE;
}
