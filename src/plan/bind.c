/* Binding a planned graph to a device: memory, uploads, command lists. */
#include "plan/bind.h"

#include <stdlib.h>

/* ---- Weights ---- */

/* The plan's own, but for those that only preparing reads: they come and go with it. */
static int make_weights(struct ocelli_plan *p, uint64_t seed)
{
    int err;
    TRY(weights_empty(&p->own_weights, p->dev));
    p->weights = p->own_weights;
    for (int v = 0; v < p->g->n_values; v++)
        if (persists(&p->g->value[v]) && !p->passing[v].is)
            TRY(weights_add(p->own_weights, &p->g->value[v], seed, &p->memory[v]));
out:
    return err;
}

static int take_weights(struct ocelli_plan *p)
{
    int err = 0;
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    if (p->weights->dev != p->dev)
        TRY(fail(OCELLI_ERR_INVALID, "plan: the weights are on another device"));
    for (int v = 0; v < p->g->n_values; v++) {
        const struct value *x = &p->g->value[v];
        if (!persists(x))
            continue;
        struct ocelli_tensor *t = ocelli_weights_tensor(p->weights, x->name);
        if (!t)
            TRY(fail(OCELLI_ERR_SHAPE, "plan: the weights have no %s", x->name));
        if (!desc_equal(tensor_desc(t), &x->desc))
            TRY(fail(OCELLI_ERR_SHAPE, "plan: weight %s is %s, the graph's is %s", x->name,
                     shape_text(&tensor_desc(t)->shape, have), shape_text(&x->desc.shape, want)));
        p->memory[v] = t;
    }
out:
    return err;
}

/* ---- Memory ---- */

static int allocate(struct ocelli_plan *p)
{
    const struct graph *g = p->g;
    int err = 0;
    p->arena = calloc((size_t)p->mem->n_arenas + 1, sizeof(struct buffer *));
    if (!p->arena)
        TRY(fail_memory());
    for (int a = 0; a < p->mem->n_arenas; a++)
        TRY(buffer_create(&p->arena[a], p->dev, p->mem->arena_bytes[a]));
    for (int v = 0; v < g->n_values; v++) {
        const struct value *x = &g->value[v];
        const struct place *at = &p->mem->value[v];
        if (at->kind != PLACE_OWN || at->root != v || persists(x))
            continue;
        if (shape_is_empty(&x->desc.shape)) {
            TRY(tensor_empty(&p->memory[v], p->dev, &x->desc));
            continue;
        }
        TRY(ocelli_tensor_create(&p->memory[v], p->dev, x->desc.dtype, &x->desc.shape));
        if (x->kind == VALUE_CONST)
            TRY(ocelli_tensor_write(p->memory[v], x->data, desc_bytes(&x->desc)));
    }
    for (int i = 0; i < p->n_io; i++) {
        struct io *io = &p->io[i];
        TRY(tensor_over(&io->own, p->dev, tensor_span(p->memory[io->root]),
                        &g->value[io->value].desc));
        io->now = io->own;
    }
out:
    return err;
}

/* Where value v is, and the slot by which it can be exchanged. */
static struct binding binding_of(struct ocelli_plan *p, const struct place *at)
{
    struct binding b = {.slot = -1};
    if (at->kind == PLACE_ARENA) {
        b.span = (struct span){p->arena[at->arena], at->offset, at->bytes};
    } else if (at->kind == PLACE_OWN) {
        b.span = *tensor_span(p->memory[at->root]);
        for (int i = 0; i < p->n_io; i++) {
            if (p->io[i].root == at->root && p->io[i].alone) {
                p->io[i].used = true;
                b.slot = i;
            }
        }
    }
    return b;
}

/* ---- Launches ---- */

static int record_node(struct ocelli_plan *p, struct cmdlist *list, int i, int *step)
{
    const struct node *n = &p->g->node[i];
    const struct launches *l = &p->choices[i].launches;
    struct binding in[OP_MAX_IN + OP_MAX_EPI], out[OP_MAX_OUT];
    if (l->n == 0) /* another name for its input */
        return 0;
    struct binding *scratch = calloc((size_t)l->n_scratch + 1, sizeof(*scratch));
    int err = 0;

    if (!scratch)
        return fail_memory();
    for (int j = 0; j < n->n_in; j++)
        in[j] = n->in[j] == OCELLI_NONE ? (struct binding){.slot = -1}
                                        : binding_of(p, &p->mem->value[n->in[j]]);
    for (int k = 0; k < n->n_out; k++)
        out[k] = binding_of(p, &p->mem->value[n->out[k]]);
    for (int k = 0; k < l->n_scratch; k++)
        scratch[k] = binding_of(p, &p->mem->scratch[i][k]);
    for (int k = 0; k < l->n; k++, ++*step) {
        const struct ocelli_step *s = &p->steps.item[*step];
        struct text label = {0};
        text_add(&label, "%02d %s %s/%s", *step, s->layer, s->op, s->variant);
        err = cmdlist_add(list, &l->item[k], in, out, scratch, label.failed ? s->op : label.s);
        text_free(&label);
        TRY(err);
    }
out:
    free(scratch);
    return err;
}

static int record(struct ocelli_plan *p, struct cmdlist **list, int from, int to, int *step)
{
    int err;
    TRY(cmdlist_create(list, p->dev));
    for (int i = from; i < to; i++)
        TRY(record_node(p, *list, i, step));
    TRY(cmdlist_seal(*list, NULL, NULL));
out:
    return err;
}

/* ---- Preparing ---- */

/* Node i once and for all, with the weights that it is the first to read; those that it is the last
 * to read go. */
static int prepare_node(struct ocelli_plan *p, int i, uint64_t seed, int *step)
{
    struct cmdlist *list = NULL;
    struct fence done = {0};
    int err = 0;
    for (int v = 0; v < p->g->n_values; v++)
        if (p->passing[v].is && p->passing[v].first == i)
            TRY(weights_add(p->own_weights, &p->g->value[v], seed, &p->memory[v]));
    TRY(record(p, &list, i, i + 1, step));
    TRY(cmdlist_run(list, &done));
    TRY(fence_wait(&done));
    for (int v = 0; v < p->g->n_values; v++) {
        if (p->passing[v].is && p->passing[v].last == i) {
            p->memory[v] = NULL;
            weights_drop(p->own_weights, p->g->value[v].name);
        }
    }
out:
    cmdlist_destroy(&list);
    return err;
}

/* Of all weights that something is prepared from; grows whenever one of them is written. */
static uint64_t version_of_weights(const struct ocelli_plan *p)
{
    uint64_t sum = 1;
    for (int v = 0; v < p->g->n_values; v++)
        if (persists(&p->g->value[v]))
            sum += tensor_version(p->memory[v]);
    return sum;
}

int plan_prepare(struct ocelli_plan *p, unsigned n_wait, struct _cl_event *const *wait)
{
    struct fence done = {0};
    int err = 0;
    if (!p->prepare)
        return 0;
    uint64_t version = version_of_weights(p);
    if (version == p->prepared_version)
        return 0;
    p->prepared_version = 0; /* half of it may be new when this fails */
    if (n_wait > 0) {        /* the caller may set the events off only later: no waiting here */
        TRY(cmdlist_enqueue(p->prepare, n_wait, wait, NULL));
    } else {
        /* Seen to have worked: a failure on the device must not leave what later runs would trust.
         */
        TRY(cmdlist_run(p->prepare, &done));
        TRY(fence_wait(&done));
    }
    p->prepared_version = version;
out:
    return err;
}

/* ---- All of it ---- */

static int compile(const struct ocelli_plan *p)
{
    const struct launches **list = calloc((size_t)p->g->n_nodes + 1, sizeof(*list));
    if (!list)
        return fail_memory();
    for (int i = 0; i < p->g->n_nodes; i++)
        list[i] = &p->choices[i].launches;
    int err = device_compile(p->dev, list, p->g->n_nodes);
    free(list);
    return err;
}

int plan_bind_to_device(struct ocelli_plan *p, const struct ocelli_plan_params *q)
{
    int err, step = 0;
    p->memory = calloc((size_t)p->g->n_values + 1, sizeof(*p->memory));
    if (!p->memory)
        TRY(fail_memory());
    TRY(compile(p));
    p->weights = q->weights;
    TRY(p->weights ? take_weights(p) : make_weights(p, q->seed));
    TRY(allocate(p));
    if (p->own_weights)
        for (int i = 0; i < p->g->n_once; i++)
            TRY(prepare_node(p, i, q->seed, &step));
    else if (p->g->n_once > 0)
        TRY(record(p, &p->prepare, 0, p->g->n_once, &step));
    TRY(record(p, &p->list, p->g->n_once, p->g->n_nodes, &step));
out:
    return err;
}
