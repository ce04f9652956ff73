/* What tests/check_torch.py needs of our side.
 *
 *     torch_step NET predict|train|decide BATCH SIZE DIR
 *
 * SIZE: height and width of the images, 0: the network's own. Without DIR/weights.safetensors the
 * weights are written there as they begin. With it they are loaded, the content of the inputs is
 * taken from DIR/in.npz, and one run, or one training step, leaves
 *   DIR/out.npz             the outputs
 *   DIR/after.safetensors   training: the weights, and of each its gradient as "<weight>.momentum":
 *                           before the first step momentum is zero, so that it becomes the gradient
 * "decide" is "train" with further outputs, what decisions were made by: the result of each ReLU,
 * "relu0" and on in order, and what each maximum was taken of, "max0" and on, where that is none of
 * those already. Dropout keeps everything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ocelli/ocelli.h>

#include "base/err.h"
#include "ops/attrs.h"
#include "ops/graph.h"

#define NOTHING 1e-9f /* a ratio at which no element is dropped; 0 stands for the default */

struct job {
    const char *net, *dir;
    bool decide;
    struct ocelli_net_params params;
    struct ocelli_device *dev;
    struct ocelli_weights *start;
    char path[4096];
};

static const char *file(struct job *j, const char *name)
{
    snprintf(j->path, sizeof(j->path), "%s/%s", j->dir, name);
    return j->path;
}

static void mark(struct ocelli_graph *g, int v, const char *what, int number)
{
    char name[32];
    snprintf(name, sizeof(name), "%s%d", what, number);
    if (!g->g.value[v].output)
        ocelli_output(g, name, v);
}

static int mark_decisions(struct ocelli_graph *g)
{
    int relus = 0, maxima = 0;
    for (int i = 0; i < g->g.n_nodes; i++) {
        const struct node *n = &g->g.node[i];
        if (n->backward)
            continue;
        if (n->op == &op_unary &&
            ((const struct ocelli_unary_params *)n->attr)->kind == OCELLI_RELU)
            mark(g, n->out[0], "relu", relus++);
        if (n->op == &op_pool2d &&
            ((const struct ocelli_pool2d_params *)n->attr)->kind == OCELLI_POOL_MAX)
            mark(g, n->in[0], "max", maxima++);
    }
    return g->g.status ? fail(g->g.status, "%s", g->g.why) : 0;
}

static int build(const struct job *j, bool step, struct ocelli_graph **out)
{
    struct ocelli_graph *g = NULL;
    int err;
    TRY(ocelli_net(&g, j->net, &j->params));
    if (step)
        TRY(ocelli_optimize(g, ocelli_net_loss(g),
                            &(struct ocelli_optimizer_params){.momentum = 0.9f}));
    for (int i = 0; i < g->g.n_nodes; i++)
        if (g->g.node[i].op == &op_dropout)
            ((struct dropout_attr *)g->g.node[i].attr)->ratio = NOTHING;
    if (step && j->decide)
        TRY(mark_decisions(g));
    *out = g;
    return 0;
out:
    ocelli_graph_destroy(&g);
    return err;
}

/* The loaded weights to those of the whole step, which has states besides. */
static int copy_weights(struct ocelli_weights *from, struct ocelli_weights *to)
{
    int err = 0;
    void *host = NULL;
    for (int i = 0; i < ocelli_weights_count(from); i++) {
        struct ocelli_tensor *a = ocelli_weights_tensor(from, ocelli_weights_name(from, i));
        struct ocelli_tensor *b = ocelli_weights_tensor(to, ocelli_weights_name(from, i));
        if (!b || !(host = malloc(ocelli_tensor_bytes(a))))
            TRY(fail(OCELLI_ERR_MEMORY, "%s: not copied", ocelli_weights_name(from, i)));
        TRY(ocelli_tensor_read(a, host, ocelli_tensor_bytes(a)));
        TRY(ocelli_tensor_write(b, host, ocelli_tensor_bytes(a)));
        free(host);
        host = NULL;
    }
out:
    free(host);
    return err;
}

static int fill_inputs(struct job *j, const struct ocelli_plan *plan)
{
    struct ocelli_array *a = NULL;
    int n = 0, err;
    TRY(ocelli_npz_read(&a, &n, file(j, "in.npz"), 0));
    for (int i = 0; i < n; i++) {
        struct ocelli_tensor *t = ocelli_plan_tensor(plan, a[i].name);
        if (!t)
            TRY(fail(OCELLI_ERR_INVALID, "%s: no such input", a[i].name));
        if (ocelli_tensor_dtype(t) != a[i].dtype)
            TRY(fail(OCELLI_ERR_INVALID, "%s: another type", a[i].name));
        TRY(ocelli_tensor_write(t, a[i].data, ocelli_tensor_bytes(t)));
    }
out:
    for (int i = 0; i < n; i++)
        ocelli_array_free(&a[i]);
    free(a);
    return err;
}

static int write_outputs(struct job *j, const struct ocelli_graph *g,
                         const struct ocelli_plan *plan)
{
    int n = ocelli_graph_outputs(g), err = 0;
    struct ocelli_array *a = calloc((size_t)n, sizeof(*a));
    if (!a)
        return fail_memory();
    for (int i = 0; i < n; i++) {
        struct ocelli_port port;
        TRY(ocelli_graph_output(g, i, &port));
        struct ocelli_tensor *t = ocelli_plan_tensor(plan, port.name);
        a[i] = (struct ocelli_array){port.dtype, port.shape, malloc(ocelli_tensor_bytes(t)),
                                     strdup(port.name)};
        if (!a[i].data || !a[i].name)
            TRY(fail(OCELLI_ERR_MEMORY, "out of memory"));
        TRY(ocelli_tensor_read(t, a[i].data, ocelli_tensor_bytes(t)));
    }
    TRY(ocelli_npz_write(a, n, file(j, "out.npz")));
out:
    for (int i = 0; i < n; i++)
        ocelli_array_free(&a[i]);
    free(a);
    return err;
}

static int step(struct job *j)
{
    struct ocelli_graph *g = NULL;
    struct ocelli_weights *w = NULL;
    struct ocelli_plan *plan = NULL;
    int err;
    TRY(ocelli_weights_load(j->start, file(j, "weights.safetensors")));
    TRY(build(j, j->params.training, &g));
    TRY(ocelli_weights_create(&w, j->dev, g, 1));
    TRY(copy_weights(j->start, w));
    TRY(ocelli_plan_create(&plan, j->dev, g, &(struct ocelli_plan_params){.weights = w}));
    TRY(fill_inputs(j, plan));
    TRY(ocelli_plan_run(plan));
    TRY(write_outputs(j, g, plan));
    if (j->params.training)
        TRY(ocelli_weights_save(w, file(j, "after.safetensors")));
out:
    ocelli_plan_destroy(&plan);
    ocelli_weights_destroy(&w);
    ocelli_graph_destroy(&g);
    return err;
}

int main(int argc, char **argv)
{
    struct ocelli_graph *g = NULL;
    int err;
    if (argc != 6)
        return 2;
    struct job j = {.net = argv[1],
                    .dir = argv[5],
                    .decide = strcmp(argv[2], "decide") == 0,
                    .params = {.batch = atoi(argv[3]),
                               .height = atoi(argv[4]),
                               .width = atoi(argv[4]),
                               .training = strcmp(argv[2], "predict") != 0}};
    TRY(ocelli_device_open(&j.dev, NULL));
    TRY(build(&j, false, &g));
    TRY(ocelli_weights_create(&j.start, j.dev, g, 1));
    ocelli_graph_destroy(&g);
    if (access(file(&j, "weights.safetensors"), F_OK) != 0)
        TRY(ocelli_weights_save(j.start, j.path));
    else
        TRY(step(&j));
out:
    if (err)
        fprintf(stderr, "torch_step: %s: %s\n", j.net, ocelli_error());
    ocelli_graph_destroy(&g);
    ocelli_weights_destroy(&j.start);
    ocelli_device_close(&j.dev);
    return err != 0;
}
