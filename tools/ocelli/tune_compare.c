/* A network before and after tuning, turn about. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd_tune.h"

#define ROUNDS 15
#define MORE_ROUNDS 60 /* in all, when these leave it open */
#define WARM_UP 2
#define WORTH 0.005 /* of the time: less is no difference */
#define TURN_MS 5.0 /* runs of a small network at a time */
#define MOST_RUNS 200

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

/* *ms: of one of the runs. */
static int turn(struct ocelli_device *dev, struct ocelli_plan *plan, bool busy, int runs,
                double *ms)
{
    double start = seconds(busy);
    int err = 0;

    for (int i = 0; i < runs && err == 0; i++) {
        err = ocelli_plan_run(plan);
        err = err ? err : ocelli_device_finish(dev);
    }
    *ms = 1e3 * (seconds(busy) - start) / runs;
    return err;
}

static double median(const double *x, int n)
{
    double sorted[MORE_ROUNDS];

    memcpy(sorted, x, (size_t)n * sizeof(*x));
    qsort(sorted, (size_t)n, sizeof(*x), by_value);
    return sorted[n / 2];
}

/* Of rounds in which both ran: the ratio's median, and by how much that may be wrong (four median
 * deviations / sqrt(n) are twice the error of a median). */
static void judge(const double ms[2][MORE_ROUNDS], int n, struct tune_network *out)
{
    double ratio[MORE_ROUNDS];

    for (int r = 0; r < n; r++)
        ratio[r] = ms[1][r] / ms[0][r];
    out->before = median(ms[0], n);
    out->after = median(ms[1], n);
    out->ratio = median(ratio, n);
    for (int r = 0; r < n; r++)
        ratio[r] = fabs(ratio[r] - out->ratio);
    out->noise = 4 * median(ratio, n) / sqrt(n);
    out->slower = out->ratio > 1 + fmax(WORTH, out->noise);
}

int tune_compare(const struct cli *cli, struct ocelli_device *dev, const struct ocelli_graph *g,
                 const struct tune_args *a, struct tune_network *out)
{
    static const enum ocelli_effort effort[2] = {OCELLI_EFFORT_OFF, OCELLI_EFFORT_DB};
    struct ocelli_plan *plan[2] = {NULL};
    struct ocelli_weights *w = NULL;
    double ms[2][MORE_ROUNDS], warm = 0;
    int err, n = ROUNDS, runs;

    if (a->database) /* where plans look */
        setenv("OCELLI_TUNING_DB", a->database, 1);
    err = ocelli_weights_create(&w, dev, g, cli->seed);
    for (int i = 0; i < 2 && err == 0; i++)
        err = ocelli_plan_create(&plan[i], dev, g,
                                 &(struct ocelli_plan_params){.weights = w, .effort = effort[i]});
    for (int r = 0; r < WARM_UP && err == 0; r++)
        for (int i = 0; i < 2 && err == 0; i++)
            err = turn(dev, plan[i], a->busy, 1, &warm);
    runs = (int)fmin(fmax(TURN_MS / fmax(warm, 1e-3), 1), MOST_RUNS);
    for (int r = 0; r < n && err == 0; r++) {
        for (int i = 0; i < 2 && err == 0; i++)
            err = turn(dev, plan[(r + i) % 2], a->busy, runs, &ms[(r + i) % 2][r]);
        if (err == 0 && r == ROUNDS - 1) {
            judge(ms, ROUNDS, out);
            if (out->ratio > 1)
                n = MORE_ROUNDS;
        }
    }
    if (err == 0)
        judge(ms, n, out);
    for (int i = 0; i < 2; i++)
        ocelli_plan_destroy(&plan[i]);
    ocelli_weights_destroy(&w);
    return err ? cli_failed(NULL, err) : EXIT_DONE;
}
