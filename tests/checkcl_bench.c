/* Times a problem: the median of rounds of back-to-back runs. On a CPU device that others use too
 * the processor time says more than the clock. */
#include "checkcl_trial.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define ROUNDS 9
#define ROUND_SECONDS 0.02

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Random floats in [-1, 1); zeros for what is not float. */
static int write_inputs(const struct setup *u, const struct problem *p)
{
    int err = 0;
    for (int i = 0; i < u->n_blocks; i++) {
        const struct block *b = &u->block[i];
        if (!b->tensor)
            continue;
        memset(b->initial, 0, b->total);
        float *x = (float *)(b->initial + b->offset);
        for (size_t j = 0; b->is_input && p->in[i].dtype == OCELLI_F32 && j < b->bytes / 4; j++)
            x[j] = (float)(random_at(1, (uint64_t)i, j) >> 40) * 0x1p-23f - 1;
        TRY(ocelli_tensor_write(b->tensor, b->initial, b->total));
    }
out:
    return err;
}

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int run_many(const struct setup *u, const struct subject *s, int n, double *seconds,
                    double *busy)
{
    int err = 0;
    double start = clock_seconds(), busy_start = processor_seconds();
    for (int i = 0; i < n; i++)
        TRY(cmdlist_run(u->list, NULL));
    TRY(ocelli_device_finish(s->dev));
    *seconds = clock_seconds() - start;
    *busy = processor_seconds() - busy_start;
out:
    return err;
}

bool subject_bench(const struct subject *s, const struct problem *p, struct bench_result *out,
                   struct text *why)
{
    double sec[ROUNDS], busy[ROUNDS], t = 0, b = 0;
    struct setup u;
    int err = 0, n = 1;

    TRY(subject_setup(&u, s, p));
    TRY(write_inputs(&u, p));
    TRY(run_many(&u, s, 2, &t, &b));
    do {
        n *= 2;
        TRY(run_many(&u, s, n, &t, &b));
    } while (t < ROUND_SECONDS && n < 1 << 16);
    for (int r = 0; r < ROUNDS; r++) {
        TRY(run_many(&u, s, n, &t, &b));
        sec[r] = t / n;
        busy[r] = b / n;
    }
    qsort(sec, ROUNDS, sizeof(sec[0]), by_value);
    qsort(busy, ROUNDS, sizeof(busy[0]), by_value);
    *out = (struct bench_result){1e3 * sec[ROUNDS / 2], 1e3 * busy[ROUNDS / 2], n * ROUNDS};
out:
    if (err)
        text_add(why, "%s: %s", ocelli_strerror(err), ocelli_error());
    setup_free(&u);
    return err == 0;
}
