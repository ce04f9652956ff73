/* ocelli run: a network on arrays from files. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

struct run_args {
    struct text_list input;
    const char *output, *variant;
    int batch, storage;
    bool no_fusion;
};

static const struct option_spec options[] = {
    {"input", OPT_LIST, offsetof(struct run_args, input), .arg = "NAME=FILE",
     .help = "an input's content, .npy or .pb; may be given several times"},
    {"output", OPT_TEXT, offsetof(struct run_args, output), .arg = "DIR",
     .help = "write each output there as NAME.npy (default: print a summary)"},
    {"batch", OPT_INT, offsetof(struct run_args, batch), 1, 65536, .arg = "N",
     .help = "for inputs whose first dimension the file leaves open (default 1)"},
    {"no-fusion", OPT_FLAG, offsetof(struct run_args, no_fusion),
     .help = "one launch an operation, as the network was written"},
    {"variant", OPT_TEXT, offsetof(struct run_args, variant), .arg = "LIST",
     .help = "use these kernels where they apply: ref, or conv2d/direct,gemm/ref"},
    STORAGE_OPTION(offsetof(struct run_args, storage)),
    {0},
};

struct feeding {
    struct ocelli_array array[LIST_MAX];
    const char *file[LIST_MAX];
    int n;
};

/* "NAME=FILE"; a FILE alone is for the only input, its name stays empty. */
static int read_inputs(const struct text_list *list, struct feeding *f)
{
    for (int i = 0; i < list->n; i++) {
        const char *eq = strchr(list->item[i], '='), *file = eq ? eq + 1 : list->item[i];
        struct ocelli_array *a = &f->array[f->n];
        int err;

        if (!*file || eq == list->item[i])
            return cli_usage("--input %s: not NAME=FILE", list->item[i]);
        if (!eq && list->n > 1)
            return cli_usage("--input %s: with several inputs each needs its NAME=", list->item[i]);
        if ((err = ocelli_array_read(a, file)) != 0)
            return cli_failed("--input", err);
        f->file[f->n++] = file;
        free(a->name);
        a->name = eq ? strndup(list->item[i], (size_t)(eq - list->item[i])) : strdup("");
        if (!a->name)
            return cli_error("--input %s: out of memory", list->item[i]);
    }
    return EXIT_DONE;
}

/* The array for an input; NULL with a message when there is none that fits. */
static const struct ocelli_array *find_array(const struct feeding *f, const struct ocelli_port *p,
                                             int ports)
{
    char want[SHAPE_TEXT], have[SHAPE_TEXT];

    for (int i = 0; i < f->n; i++) {
        const struct ocelli_array *a = &f->array[i];

        if (strcmp(a->name, p->name) != 0 && (*a->name || ports > 1))
            continue;
        if (a->dtype == p->dtype && same_shape(&a->shape, &p->shape))
            return a;
        cli_error("--input %s: %s holds %s %s, the network takes %s %s", p->name, f->file[i],
                  dtype_text(a->dtype), shape_text(&a->shape, have), dtype_text(p->dtype),
                  shape_text(&p->shape, want));
        return NULL;
    }
    cli_error("--input %s: not given (the network takes %s %s)", p->name, dtype_text(p->dtype),
              shape_text(&p->shape, want));
    return NULL;
}

#define NAMES_TEXT 200

/* "a, b"; cut where there are too many. */
static const char *input_names(const struct ocelli_graph *g, char names[NAMES_TEXT])
{
    struct ocelli_port p;
    size_t at = 0;

    names[0] = '\0';
    for (int k = 0; at < NAMES_TEXT && ocelli_graph_input(g, k, &p) == 0; k++)
        at += (size_t)snprintf(names + at, NAMES_TEXT - at, "%s%s", k ? ", " : "", p.name);
    return names;
}

/* Names that are no input's: a typing error should not pass. */
static int check_names(const struct feeding *f, const struct ocelli_graph *g)
{
    char names[NAMES_TEXT];

    for (int i = 0; i < f->n; i++) {
        bool known = !*f->array[i].name || array_elements(&f->array[i]) == 0;
        struct ocelli_port p;

        for (int k = 0; !known && ocelli_graph_input(g, k, &p) == 0; k++)
            known = strcmp(p.name, f->array[i].name) == 0;
        if (!known)
            return cli_error("--input %s: the network has no such input (it has: %s)",
                             f->array[i].name, input_names(g, names));
    }
    return EXIT_DONE;
}

static int fill(struct ocelli_plan *plan, const struct ocelli_graph *g, const struct feeding *f)
{
    int n = ocelli_graph_inputs(g), status = check_names(f, g);

    for (int i = 0; i < n && status == EXIT_DONE; i++) {
        const struct ocelli_array *a;
        struct ocelli_tensor *t;
        struct ocelli_port p;
        int err = ocelli_graph_input(g, i, &p);

        if (err)
            return cli_failed(NULL, err);
        if (!(a = find_array(f, &p, n)))
            return EXIT_FAILED;
        t = ocelli_plan_tensor(plan, p.name); /* NULL: nothing depends on it */
        if (t && (err = ocelli_tensor_write(t, a->data, ocelli_tensor_bytes(t))) != 0)
            return cli_failed(p.name, err);
    }
    return status;
}

/* A name from a file becomes the name of a file: only letters, digits, and ._- in it, not at its front
 * a dot, and not longer than a file's name may be. */
static int output_path(const char *dir, const char *name, int i, char path[PATH_MAX])
{
    char plain[128];
    size_t n = 0;
    bool changed = strlen(name) >= sizeof(plain);

    for (; name[n] && n + 1 < sizeof(plain); n++) {
        bool ok = (name[n] >= 'a' && name[n] <= 'z') || (name[n] >= 'A' && name[n] <= 'Z') ||
                  (name[n] >= '0' && name[n] <= '9') || strchr("._-", name[n]);

        plain[n] = ok && !(n == 0 && name[n] == '.') ? name[n] : '_';
        changed = changed || plain[n] != name[n];
    }
    plain[n] = '\0';
    /* Two names could have become one: the output's number tells them apart. */
    int used = changed ? snprintf(path, PATH_MAX, "%s/%s-%d.npy", dir, plain, i)
                       : snprintf(path, PATH_MAX, "%s/%s.npy", dir, plain);
    return used < PATH_MAX ? EXIT_DONE : cli_error("--output %s: %s", dir, strerror(ENAMETOOLONG));
}

static int report_output(const struct cli *cli, const struct run_args *a, struct ocelli_array *x, int i,
                         json_t *list)
{
    char path[PATH_MAX] = "", shape[SHAPE_TEXT];
    double min, max, mean;
    int status, err;

    if (a->output) {
        if ((status = output_path(a->output, x->name, i, path)) != EXIT_DONE)
            return status;
        if ((err = ocelli_array_write(x, path)) != 0)
            return cli_failed("--output", err);
    }
    array_summary(x, &min, &max, &mean);
    if (cli->json)
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:s?}", "name", x->name, "shape",
                            json_shape(&x->shape), "type", dtype_text(x->dtype), "min",
                            json_number(min), "max", json_number(max), "mean", json_number(mean), "file",
                            a->output ? path : NULL));
    else if (!a->output)
        out("%-16s %-4s %-16s min %-12g max %-12g mean %g\n", x->name, dtype_text(x->dtype),
            shape_text(&x->shape, shape), min, max, mean);
    else if (!cli->quiet)
        out("%s\n", path);
    return EXIT_DONE;
}

static int report(const struct cli *cli, const struct run_args *a, const struct model *m,
                  struct ocelli_plan *plan, const struct ocelli_graph *g)
{
    json_t *list = json_array();
    int status = EXIT_DONE;
    struct ocelli_port p;

    for (int i = 0; status == EXIT_DONE && i < ocelli_graph_outputs(g); i++) {
        struct ocelli_array x;
        int err = ocelli_graph_output(g, i, &p);

        if (!err)
            err = tensor_array(ocelli_plan_tensor(plan, p.name), p.name, &x);
        if (err) {
            status = cli_failed(p.name, err);
            break;
        }
        status = report_output(cli, a, &x, i, list);
        ocelli_array_free(&x);
    }
    if (status == EXIT_DONE && cli->json)
        return out_json(json_pack("{s:s, s:o}", "model", m->net.net, "outputs", list));
    json_decref(list);
    return status;
}

/* A network by name takes batch and extents from the image it is given. */
static void fit(struct model *m, const struct run_args *a, const struct feeding *f)
{
    int input[4];

    if (a->batch)
        m->net.params.batch = a->batch;
    if (m->onnx || f->n != 1 || f->array[0].shape.rank != 4)
        return;
    for (int d = 0; d < 4; d++) {
        int64_t n = f->array[0].shape.dim[d];

        if (n < 1 || n > INT_MAX)
            return;
        input[d] = (int)n;
    }
    model_input(m, input);
}

static int run(struct cli *cli, const void *args)
{
    const struct run_args *a = args;
    struct feeding f = {.n = 0};
    struct ocelli_device *dev = NULL;
    struct ocelli_graph *g = NULL;
    struct ocelli_weights *w = NULL;
    struct ocelli_plan *plan = NULL;
    struct model m;
    int status, err;

    if ((status = model_find(cli->operand[0], &m)) != EXIT_DONE)
        return status;
    if ((status = read_inputs(&a->input, &f)) != EXIT_DONE)
        goto out;
    fit(&m, a, &f);
    if (m.onnx) {
        m.array = f.array;
        m.n_arrays = f.n;
    }
    if ((status = model_graph(&m, false, &g)) != EXIT_DONE)
        goto out;
    if (a->output && mkdir(a->output, 0777) != 0 && errno != EEXIST) {
        status = cli_error("--output %s: %s", a->output, strerror(errno));
        goto out;
    }
    if ((status = device_get(cli, false, &dev)) != EXIT_DONE)
        goto out;
    if ((status = model_plan_weights(cli, &m, dev, g, &w)) != EXIT_DONE)
        goto out;
    err = ocelli_plan_create(&plan, dev, g,
                             &(struct ocelli_plan_params){.weights = w,
                                                          .seed = cli->seed,
                                                          .no_fusion = a->no_fusion,
                                                          .variant = a->variant,
                                                          .storage = storage_type(a->storage)});
    status = err ? cli_failed(NULL, err) : fill(plan, g, &f);
    if (status != EXIT_DONE)
        goto out;
    err = ocelli_plan_run(plan);
    status = err ? cli_failed(NULL, err) : report(cli, a, &m, plan, g);
out:
    ocelli_plan_destroy(&plan);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
    for (int i = 0; i < f.n; i++)
        ocelli_array_free(&f.array[i]);
    return device_done(cli, &dev, status);
}

const struct command cmd_run = {
    .name = "run",
    .operands = "MODEL",
    .summary = "Run a network on arrays from files",
    .details = "MODEL is an .onnx file, a training directory or a network's name. Files are NumPy's .npy or\n"
               "ONNX's .pb; where the network has one input, NAME= may be left out.\n",
    .options = options,
    .args_size = sizeof(struct run_args),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
