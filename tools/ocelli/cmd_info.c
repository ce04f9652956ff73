/* ocelli info: a network's layers, and the memory it will need. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

struct info_args {
    int input[4], storage;
    bool train;
    uint64_t cap;
};

static const struct option_spec options[] = {
    {"input", OPT_SHAPE, offsetof(struct info_args, input), .arg = "NxCxHxW",
     .help = "shape of the input (default: the network's own, batch 1)"},
    {"train", OPT_FLAG, offsetof(struct info_args, train),
     .help = "the memory of a training step instead of a prediction"},
    {"memory-cap", OPT_SIZE, offsetof(struct info_args, cap), .arg = "BYTES",
     .help = "..planned below so many bytes (also 500M, 2G), by computing values twice"},
    STORAGE_OPTION(offsetof(struct info_args, storage)),
    {0},
};

static int layer_table(const struct cli *cli, const struct ocelli_graph *g, json_t *list,
                       int64_t *macs)
{
    int n = ocelli_graph_layers(g);

    *macs = 0;
    if (!cli->json && !cli->quiet)
        out("%-12s %-14s %-18s %12s %14s %12s\n", "layer", "operation", "output", "parameters",
            "multiply-adds", "bytes");
    for (int i = 0; i < n; i++) {
        struct ocelli_layer l;
        char shape[SHAPE_TEXT], bytes[SIZE_TEXT];
        int err = ocelli_graph_layer(g, i, &l);

        if (err)
            return cli_failed(NULL, err);
        *macs += l.macs;
        if (cli->json)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "name", l.name, "op", l.op,
                                "shape", json_shape(&l.out), "parameters", (json_int_t)l.parameters,
                                "macs", (json_int_t)l.macs, "bytes", (json_int_t)l.bytes));
        else if (!cli->quiet)
            out("%-12s %-14s %-18s %12lld %14lld %12s\n", l.name, l.op, shape_text(&l.out, shape),
                (long long)l.parameters, (long long)l.macs, size_text((double)l.bytes, bytes));
    }
    return EXIT_DONE;
}

/* Plans on the device asked for, or on none at all: a prediction must not need an accelerator. */
static int predict(struct cli *cli, const struct ocelli_graph *g, const struct info_args *a,
                   struct ocelli_plan_memory *mem, struct ocelli_device_info *info)
{
    struct ocelli_device *dev = NULL;
    struct ocelli_plan *plan = NULL;
    int status, err;

    if (!cli->device && !cli->platform)
        cli->device = "null";
    if ((status = device_get(cli, false, &dev)) != EXIT_DONE)
        return status;
    *info = *ocelli_device_get_info(dev);
    err = ocelli_plan_create(&plan, dev, g,
                             &(struct ocelli_plan_params){.seed = cli->seed,
                                                          .memory_cap = a->cap,
                                                          .storage = storage_type(a->storage)});
    if (err)
        status = cli_failed(NULL, err);
    else
        ocelli_plan_get_memory(plan, mem);
    ocelli_plan_destroy(&plan);
    return device_done(cli, &dev, status);
}

static void print_totals(const struct cli *cli, const struct ocelli_graph *g, int64_t macs,
                         const struct ocelli_plan_memory *mem, const char *device,
                         const char *storage)
{
    char peak[SIZE_TEXT], weights[SIZE_TEXT], io[SIZE_TEXT], arena[SIZE_TEXT], scratch[SIZE_TEXT];

    out("%sparameters      %lld\n", cli->quiet ? "" : "\n", (long long)ocelli_graph_parameters(g));
    out("multiply-adds   %lld\n", (long long)macs);
    out("peak memory     %s on the device: weights %s, inputs and outputs %s,\n"
        "                intermediate values %s (of which workspace %s)\n",
        size_text((double)mem->peak, peak), size_text((double)mem->weights, weights),
        size_text((double)mem->io, io), size_text((double)mem->arena, arena),
        size_text((double)mem->scratch, scratch));
    if (mem->recomputed)
        out("                operations that run twice to save memory: %d\n", mem->recomputed);
    if (!cli->quiet)
        out("planned for     %s, weights and feature maps in %s\n", device, storage);
}

static json_t *document(const struct model *m, const struct ocelli_graph *g, json_t *layers,
                        int64_t macs, const struct ocelli_plan_memory *mem, const char *device,
                        const char *storage)
{
    return json_pack("{s:s, s:o, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:i}, s:s, s:s}", "model",
                     m->net.net, "layers", layers, "parameters",
                     (json_int_t)ocelli_graph_parameters(g), "macs", (json_int_t)macs, "peak_bytes",
                     (json_int_t)mem->peak, "memory", "weights", (json_int_t)mem->weights, "io",
                     (json_int_t)mem->io, "arena", (json_int_t)mem->arena, "scratch",
                     (json_int_t)mem->scratch, "live", (json_int_t)mem->live, "recomputed", mem->recomputed,
                     "device", device, "storage", storage);
}

static int run(struct cli *cli, const void *args)
{
    const struct info_args *a = args;
    struct ocelli_graph *g = NULL, *step = NULL;
    struct ocelli_plan_memory mem = {0};
    struct ocelli_device_info info;
    struct model m;
    json_t *layers = json_array();
    int64_t macs;
    int status;

    if ((status = model_find(cli->operand[0], &m)) != EXIT_DONE)
        goto out;
    model_input(&m, a->input);
    if ((status = model_graph(&m, false, &g)) != EXIT_DONE)
        goto out;
    if ((status = layer_table(cli, g, layers, &macs)) != EXIT_DONE)
        goto out;
    if (a->train && (status = model_graph(&m, true, &step)) != EXIT_DONE)
        goto out;
    if ((status = predict(cli, step ? step : g, a, &mem, &info)) != EXIT_DONE)
        goto out;
    if (cli->json) {
        status = out_json(document(&m, g, layers, macs, &mem, info.name,
                                   storage_words[a->storage]));
        layers = NULL;
    } else {
        print_totals(cli, g, macs, &mem, info.name, storage_words[a->storage]);
    }
out:
    json_decref(layers);
    ocelli_graph_destroy(&step);
    ocelli_graph_destroy(&g);
    return status;
}

const struct command cmd_info = {
    .name = "info",
    .operands = "MODEL",
    .summary = "Print a network's layers and the memory it needs",
    .details = "MODEL is a network's name, a training directory or an .onnx file. Memory is predicted without any "
               "device;\n"
               "with --device it is planned for that one.\n",
    .options = options,
    .args_size = sizeof(struct info_args),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
