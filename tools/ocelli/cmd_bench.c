/* ocelli bench: how long a network takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define WARM_UP_RUNS 3

struct bench_args {
    int batch, runs, storage;
    bool train, layers;
    uint64_t cap;
    const char *variant;
};

static const struct bench_args defaults = {.batch = 1, .runs = 50};

static const struct option_spec options[] = {
    {"batch", OPT_INT, offsetof(struct bench_args, batch), 1, 65536, .arg = "N",
     .help = "images a run (default 1)"},
    {"train", OPT_FLAG, offsetof(struct bench_args, train),
     .help = "a training step: forward, backward, SGD with momentum"},
    {"runs", OPT_INT, offsetof(struct bench_args, runs), 1, 1000000, .arg = "N",
     .help = "runs to measure after the warm-up (default 50)"},
    {"layers", OPT_FLAG, offsetof(struct bench_args, layers),
     .help = "a row for every launch, with its time on the device"},
    {"memory-cap", OPT_SIZE, offsetof(struct bench_args, cap), .arg = "BYTES",
     .help = "use no more of the device (also 500M, 2G): compute values twice"},
    {"variant", OPT_TEXT, offsetof(struct bench_args, variant), .arg = "LIST",
     .help = "use these kernels where they apply: ref, or conv2d/direct,gemm/ref"},
    STORAGE_OPTION(offsetof(struct bench_args, storage)),
    {0},
};

struct bench {
    struct ocelli_plan *plan;
    struct ocelli_device *dev;
    double setup_ms, median, min, p90; /* ms */
    double busy;                       /* ms of processor time a run, of all threads */
    double flops;
    struct ocelli_plan_memory mem;
    uint64_t held;    /* the most memory that the device held at once */
    double *layer_ms; /* medians, one a step */
    json_t *losses;   /* mean loss of each step of the warm-up, where there is one */
};

static int write_all(struct ocelli_tensor *t, const void *data)
{
    return ocelli_tensor_write(t, data, ocelli_tensor_bytes(t));
}

/* Pixels between 0 and 1 in what is float, each of the classes in turn in the rest. */
static int fill_input(struct ocelli_tensor *t, enum ocelli_dtype dtype, int classes)
{
    size_t bytes = ocelli_tensor_bytes(t);
    char *data = calloc(bytes, 1);
    int err = OCELLI_ERR_MEMORY;

    if (!data)
        return err;
    for (size_t i = 0; dtype == OCELLI_F32 && i < bytes / sizeof(float); i++)
        ((float *)data)[i] = (float)(i * 2654435761u % 256) / 255.0f;
    for (size_t i = 0; dtype == OCELLI_I32 && i < bytes / sizeof(int32_t); i++)
        ((int32_t *)data)[i] = (int32_t)(i % (size_t)classes);
    err = write_all(t, data);
    free(data);
    return err;
}

static int fill_inputs(struct ocelli_plan *plan, const struct ocelli_graph *g, int classes)
{
    int err = 0;

    for (int i = 0; err == 0 && i < ocelli_graph_inputs(g); i++) {
        struct ocelli_port p;
        struct ocelli_tensor *t;

        if ((err = ocelli_graph_input(g, i, &p)) != 0 || !(t = ocelli_plan_tensor(plan, p.name)))
            continue; /* nothing depends on it */
        if (strcmp(p.name, "lr") == 0 && p.shape.rank == 0)
            err = write_all(t, &(float){1e-3f}); /* a small step */
        else
            err = fill_input(t, p.dtype, classes);
    }
    return err;
}

/* Of all threads of this process. */
static double processor_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Notes the mean loss of the run before, if this is training. */
static int note_loss(struct bench *b)
{
    struct ocelli_tensor *t = ocelli_plan_tensor(b->plan, "loss");
    size_t n = t ? ocelli_tensor_bytes(t) / sizeof(float) : 0;
    float *v = calloc(n + 1, sizeof(*v));
    double sum = 0;
    int err = v ? 0 : OCELLI_ERR_MEMORY;

    if (err == 0 && t && (err = ocelli_tensor_read(t, v, n * sizeof(*v))) == 0) {
        for (size_t i = 0; i < n; i++)
            sum += (double)v[i];
        json_array_append_new(b->losses, json_number(sum / (double)n));
    }
    free(v);
    return err;
}

static int time_runs(struct bench *b, int runs)
{
    double *t = calloc((size_t)runs, sizeof(*t));
    int err = t ? 0 : OCELLI_ERR_MEMORY;

    for (int i = 0; err == 0 && i < WARM_UP_RUNS; i++)
        if ((err = bench_run(b->plan, b->dev)) == 0)
            err = note_loss(b);
    double busy = processor_seconds();
    for (int i = 0; err == 0 && i < runs; i++) {
        double start = now_seconds();

        err = bench_run(b->plan, b->dev);
        t[i] = 1e3 * (now_seconds() - start);
        progress_show((double)(i + 1) / runs, "%d of %d runs", i + 1, runs);
    }
    b->busy = 1e3 * (processor_seconds() - busy) / runs;
    if (err == 0) {
        b->median = bench_quantile(t, runs, 0.5);
        b->p90 = bench_quantile(t, runs, 0.9);
        b->min = t[0];
    }
    free(t);
    return err;
}

static int measure(struct cli *cli, const struct bench_args *a, const struct ocelli_graph *g,
                   struct ocelli_weights *w, struct bench *b)
{
    double start = now_seconds();
    int err = ocelli_plan_create(&b->plan, b->dev, g,
                                 &(struct ocelli_plan_params){.weights = w,
                                                              .seed = cli->seed,
                                                              .variant = a->variant,
                                                              .storage = storage_type(a->storage),
                                                              .memory_cap = a->cap});

    if (err)
        return err;
    b->setup_ms = 1e3 * (now_seconds() - start);
    ocelli_plan_get_memory(b->plan, &b->mem);
    for (int i = 0; i < ocelli_plan_steps(b->plan); i++) {
        struct ocelli_step s;

        if ((err = ocelli_plan_step(b->plan, i, &s)) != 0)
            return err;
        if (!s.once)
            b->flops += s.flops;
    }
    struct ocelli_shape logits = ocelli_value_shape(g, ocelli_find(g, "logits"));
    if ((err = fill_inputs(b->plan, g, logits.rank > 1 ? (int)logits.dim[1] : 1)) != 0)
        return err;
    progress_begin(cli);
    if ((err = time_runs(b, a->runs)) == 0 && a->layers)
        err = bench_layers(b->plan, b->dev, &b->layer_ms);
    progress_end();
    struct ocelli_device_stats stats;
    ocelli_device_get_stats(b->dev, &stats);
    b->held = stats.bytes_peak;
    return err;
}

static int report_json(const struct cli *cli, const struct bench_args *a, const struct model *m,
                       const struct bench *b)
{
    const struct {
        const char *key;
        double value;
    } number[] = {
        {"median_ms", b->median},
        {"min_ms", b->min},
        {"p90_ms", b->p90},
        {"busy_ms", b->busy},
        {"gflops", bench_giga(b->flops, b->median)},
        {"setup_ms", b->setup_ms},
        {"images_per_second", 1e3 * a->batch / b->median},
    };
    json_t *layers = json_array(), *kinds = json_array();
    json_t *d = json_pack("{s:s, s:s, s:i, s:b, s:s, s:i}", "model", m->net.net, "device",
                          ocelli_device_get_info(b->dev)->name, "batch", a->batch, "train",
                          (int)a->train, "storage", storage_words[a->storage], "runs", a->runs);
    int err = 0;

    for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
        json_object_set_new(d, number[i].key, json_number(number[i].value));
    json_object_set_new(d, "peak_bytes", json_integer((json_int_t)b->mem.peak));
    json_object_set_new(d, "allocated_bytes", json_integer((json_int_t)b->held));
    json_object_set(d, "losses", b->losses);
    if (a->layers)
        err = bench_show_layers(cli, b->plan, b->dev, b->layer_ms, layers, kinds);
    json_object_set_new(d, "layers", layers);
    json_object_set_new(d, "kinds", kinds);
    if (err == 0)
        return out_json(d);
    json_decref(d);
    return cli_failed(NULL, err);
}

static int report(const struct cli *cli, const struct bench_args *a, const struct model *m,
                  const struct bench *b)
{
    char peak[SIZE_TEXT];
    int err = 0;

    if (cli->json)
        return report_json(cli, a, m, b);
    out("%s, batch %d, %s%s: median %.3f ms, min %.3f, p90 %.3f\n", m->net.net, a->batch,
        a->train ? "training step" : "prediction",
        storage_type(a->storage) == OCELLI_F16 ? " in f16" : "", b->median, b->min, b->p90);
    if (!cli->quiet)
        out("%.0f images/s, %.2f GFLOP/s, set-up %.0f ms, peak memory %s; %d runs on %s\n",
            1e3 * a->batch / b->median, bench_giga(b->flops, b->median), b->setup_ms,
            size_text((double)b->mem.peak, peak), a->runs, ocelli_device_get_info(b->dev)->name);
    if (a->layers)
        err = bench_show_layers(cli, b->plan, b->dev, b->layer_ms, NULL, NULL);
    return err ? cli_failed(NULL, err) : EXIT_DONE;
}

static int run(struct cli *cli, const void *args)
{
    struct bench_args with = *(const struct bench_args *)args, *a = &with;
    struct bench b = {.losses = json_array()};
    struct ocelli_graph *g = NULL;
    struct ocelli_weights *w = NULL;
    struct model m;
    int status, err;

    if ((status = model_find(cli->operand[0], &m)) != EXIT_DONE)
        goto out;
    m.net.params.batch = a->batch;
    if ((status = model_graph(&m, a->train, &g)) != EXIT_DONE)
        goto out;
    struct ocelli_port first; /* a file may have its own batch */
    if (m.onnx && ocelli_graph_input(g, 0, &first) == 0 && first.shape.rank > 1)
        with.batch = (int)first.shape.dim[0];
    if ((status = device_get(cli, a->layers, &b.dev)) != EXIT_DONE)
        goto out;
    if (ocelli_device_get_info(b.dev)->type == OCELLI_DEVICE_NULL) {
        status = cli_error("bench: the null device cannot run anything");
        goto out;
    }
    if ((status = model_plan_weights(cli, &m, b.dev, g, &w)) != EXIT_DONE)
        goto out;
    err = measure(cli, a, g, w, &b);
    status = err ? cli_failed(NULL, err) : report(cli, a, &m, &b);
out:
    free(b.layer_ms);
    json_decref(b.losses);
    ocelli_plan_destroy(&b.plan);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
    return device_done(cli, &b.dev, status);
}

const struct command cmd_bench = {
    .name = "bench",
    .operands = "MODEL",
    .summary = "Measure how long a network takes",
    .details =
        "MODEL is a network's name, a training directory or an .onnx file. Times are of whole "
        "runs, from the call "
        "to\n"
        "the end of the work; --layers measures each launch on the device (and makes the device\n"
        "keep times, which costs a little).\n",
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(defaults),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
