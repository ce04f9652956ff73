/* Finding the device and the model that the command line names. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

/* A trace is written when all work is done: better to learn now that it cannot be. */
static int trace_check(const char *path)
{
    char copy[PATH_MAX];

    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
        return cli_error("--trace %s: %s", path, strerror(ENAMETOOLONG));
    if (access(dirname(copy), W_OK | X_OK) != 0)
        return cli_error("--trace %s: %s", path, strerror(errno));
    return EXIT_DONE;
}

const char *own_path(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    return n > 0 ? path : NULL;
}

int device_get(struct cli *cli, bool profile, struct ocelli_device **out)
{
    struct ocelli_device_params p = {
        .device = cli->device,
        .platform = cli->platform,
        .profile = profile || cli->trace,
        .log = cli_log,
        .log_user = cli,
        .building = progress_building,
        .building_user = cli,
        .compiler = own_path(),
        .tuning = progress_tuning,
        .tuning_user = cli,
    };
    int err;

    if (cli->trace && (err = trace_check(cli->trace)) != EXIT_DONE)
        return err;
    if ((err = ocelli_device_open(out, &p)) != 0)
        return cli_failed(NULL, err);
    return EXIT_DONE;
}

int devices_get(struct cli *cli, int n, struct ocelli_device **out)
{
    struct ocelli_device_info *all = NULL;
    size_t count = 0;
    const char *asked = cli->device;
    int status = device_get(cli, false, &out[0]), found = 1, err;
    char number[16];

    if (status != EXIT_DONE || n == 1)
        return status;
    if ((err = ocelli_devices(&all, &count)) != 0)
        return cli_failed(NULL, err);
    const struct ocelli_device_info *first = ocelli_device_get_info(out[0]);
    for (size_t i = 0; i < count && found < n && status == EXIT_DONE; i++) {
        if (all[i].index == first->index || all[i].type != first->type ||
            strcmp(all[i].platform, first->platform) != 0)
            continue;
        snprintf(number, sizeof(number), "%d", all[i].index);
        cli->device = number;
        status = device_get(cli, false, &out[found]);
        found += status == EXIT_DONE;
    }
    cli->device = asked;
    free(all);
    if (status == EXIT_DONE && found < n)
        status = cli_error("--devices %d: there are %d like %s", n, found, first->name);
    return status;
}

int devices_done(struct cli *cli, struct ocelli_device **dev, int n, int status)
{
    if (dev[n - 1] && cli->trace && (status == EXIT_DONE || status == EXIT_INTERRUPTED)) {
        int err = ocelli_devices_write_trace(dev, n, cli->trace);

        if (err)
            status = cli_failed("--trace", err);
        else if (!cli->json && !cli->quiet)
            out("\nTimes of all device commands: %s (open it at ui.perfetto.dev)\n", cli->trace);
    }
    for (int d = 0; d < n; d++)
        ocelli_device_close(&dev[d]);
    return status;
}

int device_done(struct cli *cli, struct ocelli_device **dev, int status)
{
    return devices_done(cli, dev, 1, status);
}

const char *device_type_name(enum ocelli_device_type type)
{
    static const char *const names[] = {"cpu", "gpu", "accelerator", "null"};

    return (size_t)type < COUNT(names) ? names[type] : "other";
}

static bool net_exists(const char *name)
{
    for (int i = 0; ocelli_net_name(i); i++)
        if (strcmp(ocelli_net_name(i), name) == 0)
            return true;
    return false;
}

/* "lenet5, lenet5-1998" */
static const char *net_list(char *buf, size_t size)
{
    size_t used = 0;

    buf[0] = '\0';
    for (int i = 0; ocelli_net_name(i) && used < size; i++)
        used +=
            (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "", ocelli_net_name(i));
    return buf;
}

int net_check(const char *name)
{
    char list[1024];

    if (net_exists(name))
        return EXIT_DONE;
    return cli_error("%s: no such network in this version (there are %s)", name,
                     net_list(list, sizeof(list)));
}

int model_find(const char *name, struct model *m)
{
    size_t len = strlen(name);
    struct stat st;
    int err;

    *m = (struct model){0};
    if (net_exists(name)) {
        snprintf(m->net.net, sizeof(m->net.net), "%s", name);
        return EXIT_DONE;
    }
    if (stat(name, &st) == 0 && S_ISDIR(st.st_mode)) {
        m->dir = name;
        if ((err = ocelli_trained_read(name, &m->net)) != 0)
            return cli_failed(NULL, err);
        return EXIT_DONE;
    }
    if (len > 5 && strcmp(name + len - 5, ".onnx") == 0) {
        const char *slash = strrchr(name, '/');

        m->onnx = name;
        snprintf(m->net.net, sizeof(m->net.net), "%.60s", slash ? slash + 1 : name);
        return EXIT_DONE;
    }

    char list[1024];
    return cli_error("%s: neither a network (%s), nor a training directory, nor an .onnx file", name,
                     net_list(list, sizeof(list)));
}

void model_input(struct model *m, const int input[4])
{
    struct ocelli_net_params *p = &m->net.params;

    if (!input[0])
        return;
    p->batch = input[0];
    p->channels = input[1];
    p->height = input[2];
    p->width = input[3];
    m->input = (struct ocelli_shape){4, {input[0], input[1], input[2], input[3]}};
}

/* A shape without a name is for every input of the file. */
static int load_onnx(const struct model *m, struct ocelli_graph **out)
{
    const char *names[LIST_MAX];
    struct ocelli_shape shapes[LIST_MAX];
    struct ocelli_onnx_params p = {.batch = m->net.params.batch, .names = names, .shapes = shapes,
                                   .values = m->array, .n_values = m->n_arrays, .n = m->n_arrays};

    for (int i = 0; i < m->n_arrays; i++) {
        names[i] = *m->array[i].name ? m->array[i].name : NULL;
        shapes[i] = m->array[i].shape;
    }
    if (m->n_arrays == 0 && m->input.rank) {
        names[0] = NULL;
        shapes[0] = m->input;
        p.n = 1;
    }
    return ocelli_onnx_load(out, m->onnx, &p);
}

void model_fit(struct model *m, const struct ocelli_dataset_info *info)
{
    if (m->dir || m->onnx)
        return;
    m->net.params.channels = info->channels;
    m->net.params.height = info->height;
    m->net.params.width = info->width;
    m->net.params.classes = info->classes;
}

int model_graph(const struct model *m, bool train, struct ocelli_graph **out)
{
    int err;

    if (m->onnx && train)
        return cli_error("%s: an .onnx file cannot be trained in this version", m->onnx);
    struct ocelli_net_params p = m->net.params;
    p.training = train;
    err = m->onnx ? load_onnx(m, out) : ocelli_net(out, m->net.net, &p);
    if (err == 0 && m->dir && *m->net.preprocess)
        ocelli_graph_set_preprocess(*out, m->net.preprocess);
    /* With the optimiser that `train` defaults to. */
    if (err == 0 && train)
        err = ocelli_optimize(*out, ocelli_net_loss(*out),
                              &(struct ocelli_optimizer_params){.momentum = 0.9f});
    if (err == 0)
        return EXIT_DONE;
    cli_failed(NULL, err);
    ocelli_graph_destroy(out);
    return EXIT_FAILED;
}

const char *model_preprocess(const struct model *m, const struct ocelli_graph *g, const char *asked)
{
    const char *known = ocelli_graph_get_preprocess(g);

    return asked ? asked : known ? known : m->onnx ? NULL : "unit";
}

int model_image(const struct model *m, int image[3])
{
    struct ocelli_graph *g = NULL;
    struct ocelli_port port;
    int status = model_graph(m, false, &g);

    if (status != EXIT_DONE)
        return status;
    bool picture = ocelli_graph_input(g, 0, &port) == 0 && port.shape.rank == 4;
    for (int i = 0; i < 3; i++)
        image[i] = picture ? (int)port.shape.dim[i + 1] : 0;
    ocelli_graph_destroy(&g);
    return EXIT_DONE;
}

const char *const storage_words[] = {"f32", "f16", NULL};

enum ocelli_dtype storage_type(int word)
{
    static const enum ocelli_dtype types[] = {OCELLI_F32, OCELLI_F16};

    return types[word];
}

int model_plan_weights(const struct cli *cli, const struct model *m, struct ocelli_device *dev,
                       const struct ocelli_graph *g, struct ocelli_weights **out)
{
    *out = NULL;
    return m->dir ? model_weights(cli, m, dev, g, out) : EXIT_DONE;
}

int model_weights(const struct cli *cli, const struct model *m, struct ocelli_device *dev,
                  const struct ocelli_graph *g, struct ocelli_weights **out)
{
    int err = ocelli_weights_create(out, dev, g, cli->seed);

    if (err == 0 && m->dir)
        err = ocelli_trained_load(m->dir, *out);
    if (err == 0)
        return EXIT_DONE;
    cli_failed(NULL, err);
    ocelli_weights_destroy(out);
    return EXIT_FAILED;
}
