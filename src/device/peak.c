/* What the device does at best, measured: the yardstick of a launch's share. Kept on disk beside
 * the compiled kernels, by device and driver. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "device/cl.h"
#include "device/program.h"

#define RUNS 5
#define READ_BYTES ((size_t)128 << 20) /* beyond any cache */

static void key_of(const struct ocelli_device *dev, char key[33])
{
    struct hasher h;
    if (hasher_init(&h)) {
        *key = 0;
        return;
    }
    hasher_add_str(&h, "peak 2");
    hasher_add_str(&h, dev->info.name);
    hasher_add_str(&h, dev->info.platform);
    hasher_add_str(&h, dev->info.driver);
    hasher_add(&h, &dev->caps.compute_units, sizeof(dev->caps.compute_units));
    hasher_finish(&h, key);
}

/* Seconds of the quickest of some runs of one launch. */
static int time_launch(struct ocelli_device *dev, const struct launch *k, const struct binding *in,
                       const struct binding *out, double *seconds)
{
    struct cmdlist *list = NULL;
    struct fence done = {0};
    int err;
    *seconds = INFINITY;
    TRY(cmdlist_create(&list, dev));
    TRY(cmdlist_add(list, k, in, out, NULL, k->kernel));
    TRY(cmdlist_seal(list, NULL, NULL));
    for (int i = 0; i < RUNS; i++) {
        double start = clock_seconds();
        TRY(cmdlist_run(list, &done));
        TRY(fence_wait(&done));
        if (i > 0) /* the first one compiles */
            *seconds = fmin(*seconds, clock_seconds() - start);
    }
out:
    fence_drop(&done);
    cmdlist_destroy(&list);
    return err;
}

/* Work-items, and those of a group: a thread each on a processor, enough to fill a graphics
 * processor. */
static void set_grid(const struct caps *caps, struct launch *k, int *items)
{
    int group = caps->cpu_style ? 1 : (int)MIN(caps->max_group, (size_t)256);
    *items =
        caps->cpu_style ? MAX(caps->compute_units, 1) : MAX(caps->compute_units, 1) * 16 * group;
    launch_grid1(k, (size_t)*items, (size_t)group);
}

static int measure_fma(struct ocelli_device *dev, struct binding y, double *gflops)
{
    const struct caps *caps = &dev->caps;
    int vw = caps->cpu_style ? caps->vector_width : 4, accs = caps->cpu_style ? 24 : 8, items;
    int rounds = caps->cpu_style ? 1000000 : 4096, err;
    double seconds;
    struct launches l = {0};
    struct launch *k = launch_add(&l, "peak_fma", "peak_fma");
    launch_define(k, "VW=%d", vw);
    launch_define(k, "ACCS=%d", accs);
    launch_out(k, "y", 0);
    launch_float(k, "a", 0.999f);
    launch_float(k, "b", 0.001f);
    launch_int(k, "rounds", rounds);
    set_grid(caps, k, &items);
    TRY(l.err);
    TRY(time_launch(dev, k, NULL, &y, &seconds));
    *gflops = 2e-9 * items * rounds * accs * vw / seconds;
out:
    launches_free(&l);
    return err;
}

static int measure_read(struct ocelli_device *dev, struct binding x, struct binding y, double *gbs)
{
    const struct caps *caps = &dev->caps;
    int vw = caps->cpu_style ? caps->vector_width : 4, items, err;
    double seconds;
    struct launches l = {0};
    struct launch *k = launch_add(&l, "peak_read", "peak_read");
    launch_define(k, "VW=%d", vw);
    launch_out(k, "y", 0);
    launch_in(k, "x", 0);
    set_grid(caps, k, &items);
    int count = (int)(x.span.bytes / sizeof(float) / (size_t)vw / (size_t)items) & ~3;
    launch_int(k, "count", count);
    launch_int(k, "stride", caps->cpu_style ? 1 : items);
    TRY(l.err);
    TRY(time_launch(dev, k, &x, &y, &seconds));
    *gbs = 1e-9 * (double)items * count * vw * sizeof(float) / seconds;
out:
    launches_free(&l);
    return err;
}

static int measure(struct ocelli_device *dev, struct ocelli_device_peak *p)
{
    const struct caps *caps = &dev->caps;
    size_t units = (size_t)MAX(caps->compute_units, 1),
           bytes = MIN(READ_BYTES, caps->max_alloc / 2);
    struct ocelli_tensor *x = NULL, *y = NULL;
    float *zeros = calloc(1, bytes);
    int err;
    if (!zeros)
        return fail_memory();
    TRY(ocelli_tensor_create(&y, dev, OCELLI_F32, &OCELLI_SHAPE(units * 16 * 256)));
    struct binding to = {*tensor_span(y), -1};
    TRY(measure_fma(dev, to, &p->gflops));
    TRY(ocelli_tensor_create(&x, dev, OCELLI_F32, &OCELLI_SHAPE((int64_t)(bytes / sizeof(float)))));
    /* Memory that was never written may be one page over and over. */
    TRY(ocelli_tensor_write(x, zeros, bytes / sizeof(float) * sizeof(float)));
    TRY(measure_read(dev, (struct binding){*tensor_span(x), -1}, to, &p->gbs));
out:
    ocelli_tensor_destroy(&x);
    ocelli_tensor_destroy(&y);
    free(zeros);
    return err;
}

int ocelli_device_get_peak(struct ocelli_device *dev, bool measure_now,
                           struct ocelli_device_peak *out)
{
    struct ocelli_device_peak now = {0};
    char key[33];
    unsigned char *data = NULL;
    size_t bytes = 0;
    *out = (struct ocelli_device_peak){0};
    if (!dev->programs) /* the null device */
        return 0;
    key_of(dev, key);
    bool known = dev->use_cache && cache_get(&dev->programs->cache, key, &data, &bytes) &&
                 bytes == sizeof(*out);
    if (known)
        memcpy(out, data, sizeof(*out));
    free(data);
    if (!measure_now)
        return 0;
    int err = measure(dev, &now);
    /* Other work on the machine only ever makes it slower. */
    out->gflops = fmax(out->gflops, now.gflops);
    out->gbs = fmax(out->gbs, now.gbs);
    if (!err && dev->use_cache && cache_put(&dev->programs->cache, key, out, sizeof(*out)))
        log_to(&dev->log, OCELLI_LOG_WARNING, "peak: not kept: %s", ocelli_error());
    return err;
}
