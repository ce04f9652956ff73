/* ocelli dump: the plan, one launch a line. */
#include <stdio.h>

#include "cli.h"

struct dump_args {
    int input[4], storage;
    bool train, no_fusion;
    const char *variant;
};

static const struct option_spec options[] = {
    {"input", OPT_SHAPE, offsetof(struct dump_args, input), .arg = "NxCxHxW",
     .help = "shape of the input (default: the network's own, batch 1)"},
    {"train", OPT_FLAG, offsetof(struct dump_args, train), .help = "the plan of a training step"},
    {"no-fusion", OPT_FLAG, offsetof(struct dump_args, no_fusion),
     .help = "one launch an operation, as the network was written"},
    {"variant", OPT_TEXT, offsetof(struct dump_args, variant), .arg = "LIST",
     .help = "use these kernels where they apply: ref, or conv2d/direct,gemm/ref"},
    STORAGE_OPTION(offsetof(struct dump_args, storage)),
    {0},
};

static json_t *size3(const size_t s[3])
{
    return json_pack("[I, I, I]", (json_int_t)s[0], (json_int_t)s[1], (json_int_t)s[2]);
}

static json_t *step_json(const struct ocelli_step *s)
{
    return json_pack("{s:s, s:s?, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "text", s->text, "layer",
                     s->layer, "op", s->op, "variant", s->variant, "kernel", s->kernel, "once", s->once,
                     "global",
                     size3(s->global), "local", size3(s->local), "flops", json_number(s->flops),
                     "bytes", json_number(s->bytes));
}

static int print_plan(const struct cli *cli, struct ocelli_plan *plan)
{
    json_t *list = cli->json ? json_array() : NULL;
    int n = ocelli_plan_steps(plan);

    for (int i = 0; i < n; i++) {
        struct ocelli_step s;
        int err = ocelli_plan_step(plan, i, &s);

        if (err) {
            json_decref(list);
            return cli_failed(NULL, err);
        }
        if (cli->json)
            json_array_append_new(list, step_json(&s));
        else
            out("%s\n", s.text);
    }
    if (!cli->json)
        return EXIT_DONE;

    struct ocelli_plan_memory mem;
    ocelli_plan_get_memory(plan, &mem);
    return out_json(json_pack("{s:o, s:I}", "launches", list, "peak_bytes", (json_int_t)mem.peak));
}

static int run(struct cli *cli, const void *args)
{
    const struct dump_args *a = args;
    struct ocelli_graph *g = NULL;
    struct ocelli_device *dev = NULL;
    struct ocelli_plan *plan = NULL;
    struct model m;
    int status, err;

    if ((status = model_find(cli->operand[0], &m)) != EXIT_DONE)
        return status;
    model_input(&m, a->input);
    if ((status = model_graph(&m, a->train, &g)) != EXIT_DONE)
        return status;
    if ((status = device_get(cli, false, &dev)) != EXIT_DONE)
        goto out;
    err = ocelli_plan_create(&plan, dev, g,
                             &(struct ocelli_plan_params){.seed = cli->seed,
                                                          .no_fusion = a->no_fusion,
                                                          .variant = a->variant,
                                                          .storage = storage_type(a->storage)});
    status = err ? cli_failed(NULL, err) : print_plan(cli, plan);
out:
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    return device_done(cli, &dev, status);
}

const struct command cmd_dump = {
    .name = "dump",
    .operands = "MODEL",
    .summary = "Print the plan of a network, one launch a line",
    .details =
        "MODEL is a network's name, a training directory or an .onnx file. '--device null' needs no OpenCL.\n",
    .options = options,
    .args_size = sizeof(struct dump_args),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
