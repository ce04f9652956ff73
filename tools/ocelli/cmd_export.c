/* ocelli export: a network as ONNX. */
#include <stdio.h>

#include "cli.h"

struct export_args {
    const char *file;
    int batch;
};

static const struct option_spec options[] = {
    {"out", OPT_TEXT, offsetof(struct export_args, file), .arg = "FILE",
     .help = "the file to write; it must be given"},
    {"batch", OPT_INT, offsetof(struct export_args, batch), 1, 65536, .arg = "N",
     .help = "images a run (default: left open, or as an .onnx file has it)"},
    {0},
};

static int run(struct cli *cli, const void *args)
{
    const struct export_args *a = args;
    struct ocelli_device *dev = NULL;
    struct ocelli_graph *g = NULL;
    struct ocelli_weights *w = NULL;
    struct model m;
    int status, err;

    if (!a->file)
        return cli_usage("export: needs --out FILE");
    if ((status = model_find(cli->operand[0], &m)) != EXIT_DONE)
        return status;
    m.net.params.batch = a->batch;
    if ((status = model_graph(&m, false, &g)) != EXIT_DONE)
        goto out;
    if (!m.onnx) { /* a file's graph has its weights with it */
        if ((status = device_get(cli, false, &dev)) != EXIT_DONE)
            goto out;
        if ((status = model_weights(cli, &m, dev, g, &w)) != EXIT_DONE)
            goto out;
    }
    err = ocelli_onnx_save(g, w, a->file, a->batch || m.onnx ? NULL : "N");
    if (err)
        status = cli_failed(NULL, err);
    else if (cli->json)
        status = out_json(json_pack("{s:s, s:s, s:I}", "model", m.net.net, "file", a->file, "parameters",
                                    (json_int_t)ocelli_graph_parameters(g)));
    else if (!cli->quiet)
        out("%s: %lld parameters\n", a->file, (long long)ocelli_graph_parameters(g));
out:
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
    return device_done(cli, &dev, status);
}

const struct command cmd_export = {
    .name = "export",
    .operands = "MODEL",
    .summary = "Write a network with its weights as ONNX",
    .details = "MODEL is a training directory, an .onnx file, or a network's name for one with random\n"
               "weights. ONNX Runtime, Netron and other tools read the file (opset 17).\n",
    .options = options,
    .args_size = sizeof(struct export_args),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
