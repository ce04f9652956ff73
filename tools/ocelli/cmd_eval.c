/* ocelli eval: accuracy on a test split. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

struct eval_args {
    struct data_args data;
    const char *variant;
    int batch, top, storage;
    float scale;
};

static const struct eval_args defaults = {.batch = 500, .top = 5, .scale = 1 / 255.0f};

static const struct option_spec options[] = {
    DATA_OPTIONS(offsetof(struct eval_args, data)),
    {"batch", OPT_INT, offsetof(struct eval_args, batch), 1, 65536, .arg = "N",
     .help = "images at a time (default 500)"},
    {"top", OPT_INT, offsetof(struct eval_args, top), 1, 1000, .arg = "K",
     .help = "also count labels among the K most likely classes (default 5)"},
    {"scale", OPT_FLOAT, offsetof(struct eval_args, scale), -1e6, 1e6, .arg = "X",
     .help = "what pixels (0 to 255) are multiplied by for an .onnx file (default 1/255)"},
    {"variant", OPT_TEXT, offsetof(struct eval_args, variant), .arg = "LIST",
     .help = "use these kernels where they apply: ref, or conv2d/direct,gemm/ref"},
    STORAGE_OPTION(offsetof(struct eval_args, storage)),
    {0},
};

static int on_progress(void *user, int64_t done, int64_t count)
{
    double t = now_seconds() - *(const double *)user;

    if (t > 0.5 && count > 0)
        progress_show((double)done / (double)count, "%lld/%lld images  %.0f/s", (long long)done,
                      (long long)count, (double)done / t);
    return interrupted();
}

static int report(const struct cli *cli, const struct eval_args *a, const struct model *m,
                  const struct ocelli_eval_result *r)
{
    char key[24];

    snprintf(key, sizeof(key), "top%d", a->top);
    if (cli->json)
        return out_json(json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:o}", "model", m->net.net,
                                  "data", a->data.name, "accuracy", json_number(r->accuracy), key,
                                  json_number(r->top_k), "loss", json_number(r->loss), "count",
                                  (json_int_t)r->count, "seconds", json_number(r->seconds)));
    out("test accuracy %.2f %%", 100 * r->accuracy);
    if (!cli->quiet) {
        out(" (among the first %d: %.2f %%)", a->top, 100 * r->top_k);
        if (!m->onnx)
            out(", loss %.4f", r->loss);
        out(", %lld images in %.2f s", (long long)r->count, r->seconds);
    }
    out("\n");
    return EXIT_DONE;
}

static int run(struct cli *cli, const void *args)
{
    const struct eval_args *a = args;
    struct ocelli_dataset *ds = NULL;
    struct ocelli_device *dev = NULL;
    struct ocelli_graph *g = NULL;
    struct ocelli_weights *w = NULL;
    struct ocelli_eval_result r;
    struct model m;
    double start = now_seconds();
    int status, err, image[3];

    if (!a->data.name)
        return cli_usage("eval: needs --data DATASET");
    if ((status = model_find(cli->operand[0], &m)) != EXIT_DONE)
        return status;
    if ((status = model_image(&m, image)) != EXIT_DONE ||
        (status = data_open(cli, &a->data, image, OCELLI_TEST, &ds)) != EXIT_DONE)
        return status;
    model_fit(&m, ocelli_dataset_get_info(ds));
    if ((status = device_get(cli, false, &dev)) != EXIT_DONE)
        goto out;
    if (m.onnx) {
        struct ocelli_eval_params p = {.batch = a->batch, .top = a->top, .variant = a->variant,
                                       .storage = storage_type(a->storage), .progress = on_progress,
                                       .user = &start};

        progress_begin(cli);
        interrupt_catch();
        status = eval_onnx(&m, dev, ds, a->scale, &p, &r);
        progress_end();
        if (status == EXIT_DONE)
            status = report(cli, a, &m, &r);
        goto out;
    }
    if ((status = model_graph(&m, false, &g)) != EXIT_DONE)
        goto out;
    if ((status = model_weights(cli, &m, dev, g, &w)) != EXIT_DONE)
        goto out;

    progress_begin(cli);
    interrupt_catch();
    err = ocelli_eval(dev, &m.net, w, ds,
                      &(struct ocelli_eval_params){.batch = a->batch,
                                                   .top = a->top,
                                                   .variant = a->variant,
                                                   .storage = storage_type(a->storage),
                                                   .progress = on_progress,
                                                   .user = &start},
                      &r);
    progress_end();
    if (err == OCELLI_ERR_CANCELLED) {
        cli_error("eval: interrupted");
        status = EXIT_INTERRUPTED;
    } else {
        status = err ? cli_failed(NULL, err) : report(cli, a, &m, &r);
    }
out:
    if (a->data.skip_bad)
        data_report(cli, ds, NULL);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
    ocelli_dataset_close(&ds);
    return device_done(cli, &dev, status);
}

const struct command cmd_eval = {
    .name = "eval",
    .operands = "MODEL",
    .summary = "Measure accuracy on a dataset's test images",
    .details = "MODEL is a training directory, an .onnx file, or a network's name for one with random weights.\n",
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(defaults),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
