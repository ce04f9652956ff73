/* Plans: clone -> prune -> fuse -> select -> memory plan -> (a real device:) allocate, upload,
 * record. */
#include <ocelli/plan.h>

#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "graph/passes.h"
#include "plan/steps.h"
#include "plan/weights.h"

/* An input or output as the caller sees it. */
struct io {
    const char *name;
    int value, root;
    bool input;
    bool alone; /* no other name has this memory, and no weight or constant: it can be exchanged */
    bool used;  /* by a launch */
    struct ocelli_tensor *own, *now;
};

struct ocelli_plan {
    struct ocelli_device *dev;
    struct graph *g; /* the rewritten one */
    struct choice *choices;
    struct memory_plan *mem;
    struct ocelli_plan_memory bytes;
    struct steps steps;
    struct io *io; /* its index is its slot in the command list */
    int n_io;
    /* What follows stays empty on the null device. */
    struct ocelli_weights *weights, *own_weights;
    struct buffer **arena;
    struct ocelli_tensor **memory; /* of each root with memory of its own; of weights, borrowed */
    struct cmdlist *list;
};

static bool persists(const struct value *v)
{
    return v->kind == VALUE_WEIGHT || v->kind == VALUE_STATE;
}

/* ---- Planning, without a device ---- */

static void count_memory(struct ocelli_plan *p)
{
    struct ocelli_plan_memory *b = &p->bytes;
    for (int v = 0; v < p->g->n_values; v++) {
        const struct place *at = &p->mem->value[v];
        if (at->kind != PLACE_OWN || at->root != v)
            continue;
        *(persists(&p->g->value[v]) ? &b->weights : &b->io) += at->bytes;
    }
    for (int a = 0; a < p->mem->n_arenas; a++)
        b->arena += p->mem->arena_bytes[a];
    b->scratch = p->mem->scratch_peak;
    b->live = p->mem->live;
    b->peak = b->weights + b->io + b->arena;
}

static int find_io(struct ocelli_plan *p)
{
    const struct graph *g = p->g;
    p->io = calloc(2 * (size_t)g->n_values + 1, sizeof(*p->io));
    if (!p->io)
        return fail_memory();
    for (int v = 0; v < g->n_values; v++) {
        const struct value *x = &g->value[v];
        int root = p->mem->value[v].root;
        if (x->kind == VALUE_INPUT)
            p->io[p->n_io++] =
                (struct io){.name = x->name, .value = v, .root = root, .input = true};
        if (x->output)
            p->io[p->n_io++] = (struct io){.name = x->output, .value = v, .root = root};
    }
    for (int i = 0; i < p->n_io; i++) {
        enum value_kind kind = g->value[p->io[i].root].kind;
        p->io[i].alone = kind == VALUE_INPUT || kind == VALUE_TEMP;
        for (int j = 0; j < p->n_io; j++)
            if (j != i && p->io[j].root == p->io[i].root)
                p->io[i].alone = false;
    }
    return 0;
}

static bool any_empty_output(const struct graph *g)
{
    for (int v = 0; v < g->n_values; v++)
        if (g->value[v].output && shape_is_empty(&g->value[v].desc.shape))
            return true;
    return false;
}

static int plan_on_paper(struct ocelli_plan *p, const struct ocelli_graph *g,
                         const struct ocelli_plan_params *q)
{
    const struct caps *caps = device_caps(p->dev);
    int err;
    TRY(ocelli_graph_status(g));
    TRY(graph_clone(&g->g, &p->g));
    TRY(graph_prune(p->g));
    if (!q->no_fusion)
        TRY(graph_fuse(p->g));
    TRY(graph_select(p->g, caps, q->variant, &p->choices));
    TRY(memory_plan(p->g, p->choices, caps, !q->no_reuse, &p->mem));
    TRY(steps_create(&p->steps, p->g, p->choices, p->mem));
    if (p->steps.n == 0 && !any_empty_output(p->g))
        TRY(fail(OCELLI_ERR_INVALID, "plan: nothing to compute: no operation leads to an output"));
    TRY(find_io(p));
    count_memory(p);
out:
    return err;
}

/* ---- Binding to a device ---- */

static int bind_weights(struct ocelli_plan *p, const struct ocelli_plan_params *q)
{
    int err = 0;
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    p->weights = q->weights;
    if (!p->weights) {
        TRY(weights_create(&p->own_weights, p->dev, p->g, q->seed));
        p->weights = p->own_weights;
    }
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

static int record_node(struct ocelli_plan *p, int i, int *step)
{
    const struct node *n = &p->g->node[i];
    const struct launches *l = &p->choices[i].launches;
    struct binding in[OP_MAX_IN + OP_MAX_EPI], out[OP_MAX_OUT];
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
        err = cmdlist_add(p->list, &l->item[k], in, out, scratch, label.failed ? s->op : label.s);
        text_free(&label);
        TRY(err);
    }
out:
    free(scratch);
    return err;
}

static int bind_to_device(struct ocelli_plan *p, const struct ocelli_plan_params *q)
{
    int err, step = 0;
    p->memory = calloc((size_t)p->g->n_values + 1, sizeof(*p->memory));
    if (!p->memory)
        TRY(fail_memory());
    TRY(bind_weights(p, q));
    TRY(allocate(p));
    TRY(cmdlist_create(&p->list, p->dev));
    for (int i = 0; i < p->g->n_nodes; i++)
        TRY(record_node(p, i, &step));
    TRY(cmdlist_seal(p->list, NULL, NULL));
out:
    return err;
}

int ocelli_plan_create(struct ocelli_plan **out, struct ocelli_device *dev,
                       const struct ocelli_graph *g, const struct ocelli_plan_params *q)
{
    static const struct ocelli_plan_params defaults = {0};
    int err;
    struct ocelli_plan *p = calloc(1, sizeof(*p));
    if (!p)
        TRY(fail_memory());
    p->dev = dev;
    q = q ? q : &defaults;
    TRY(plan_on_paper(p, g, q));
    if (!device_is_null(dev))
        TRY(bind_to_device(p, q));
    for (int v = 0; v < p->g->n_values; v++) /* on the device now; it belongs to the caller's graph */
        if (p->g->value[v].kind == VALUE_WEIGHT)
            p->g->value[v].data = NULL;
    *out = p;
    return 0;
out:
    ocelli_plan_destroy(&p);
    return err;
}

void ocelli_plan_destroy(struct ocelli_plan **plan)
{
    struct ocelli_plan *p = plan ? *plan : NULL;
    if (!p)
        return;
    cmdlist_destroy(&p->list);
    for (int i = 0; i < p->n_io; i++)
        ocelli_tensor_destroy(&p->io[i].own);
    for (int v = 0; p->memory && v < p->g->n_values; v++)
        if (!persists(&p->g->value[v]))
            ocelli_tensor_destroy(&p->memory[v]);
    for (int a = 0; p->arena && a < p->mem->n_arenas; a++)
        buffer_release(&p->arena[a]);
    ocelli_weights_destroy(&p->own_weights);
    steps_free(&p->steps);
    if (p->choices)
        choices_free(&p->choices, p->g->n_nodes);
    memory_plan_free(&p->mem);
    graph_free(&p->g);
    free(p->arena);
    free(p->memory);
    free(p->io);
    free(p);
    *plan = NULL;
}

/* ---- Use ---- */

static struct io *io_find(const struct ocelli_plan *p, const char *name)
{
    for (int i = 0; i < p->n_io; i++)
        if (strcmp(p->io[i].name, name) == 0)
            return &p->io[i];
    return NULL;
}

struct ocelli_tensor *ocelli_plan_tensor(const struct ocelli_plan *plan, const char *name)
{
    const struct io *io = io_find(plan, name);
    return io ? io->now : NULL;
}

static bool overlap(const struct ocelli_tensor *a, const struct ocelli_tensor *b)
{
    const struct span *x = tensor_span(a), *y = tensor_span(b);
    return x->buffer == y->buffer && x->offset < y->offset + y->bytes &&
           y->offset < x->offset + x->bytes;
}

/* Two names may share memory only when both are read. */
static int check_overlap(const struct ocelli_plan *p, const struct io *io,
                         const struct ocelli_tensor *t)
{
    for (int i = 0; i < p->n_io; i++) {
        const struct io *other = &p->io[i];
        if (other != io && !(other->input && io->input) && overlap(t, other->now))
            return fail(OCELLI_ERR_INVALID, "bind %s: the tensor is bound to %s already", io->name,
                        other->name);
    }
    for (int v = 0; v < p->g->n_values; v++)
        if (p->memory[v] && persists(&p->g->value[v]) && overlap(t, p->memory[v]))
            return fail(OCELLI_ERR_INVALID, "bind %s: the tensor is weight %s", io->name,
                        p->g->value[v].name);
    return 0;
}

int ocelli_plan_bind(struct ocelli_plan *plan, const char *name, struct ocelli_tensor *t)
{
    int err;
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    struct io *io = io_find(plan, name);

    if (!io)
        return fail(OCELLI_ERR_INVALID, "bind %s: the plan has no such input or output", name);
    if (!plan->list)
        return fail(OCELLI_ERR_UNSUPPORTED, "bind %s: the null device cannot run", name);
    const struct desc *d = &plan->g->value[io->value].desc;
    if (tensor_device(t) != plan->dev)
        return fail(OCELLI_ERR_INVALID, "bind %s: the tensor is on another device", name);
    if (!desc_equal(tensor_desc(t), d))
        return fail(OCELLI_ERR_SHAPE, "bind %s: the tensor is %s %s, the plan's is %s %s", name,
                    dtype_name(tensor_desc(t)->dtype), shape_text(&tensor_desc(t)->shape, have),
                    dtype_name(d->dtype), shape_text(&d->shape, want));
    if (!io->alone)
        return fail(OCELLI_ERR_UNSUPPORTED, "bind %s: it shares its memory with another name",
                    name);
    TRY(check_overlap(plan, io, t));
    if (io->used)
        TRY(cmdlist_bind(plan->list, (int)(io - plan->io), tensor_span(t)));
    io->now = t;
out:
    return err;
}

int ocelli_plan_run(struct ocelli_plan *plan)
{
    if (!plan->list)
        return fail(OCELLI_ERR_UNSUPPORTED, "run: the null device plans, but cannot run");
    return cmdlist_run(plan->list, NULL);
}

int ocelli_plan_enqueue(struct ocelli_plan *plan, unsigned n_wait, struct _cl_event *const *wait,
                        struct _cl_event **done)
{
    if (!plan->list)
        return fail(OCELLI_ERR_UNSUPPORTED, "enqueue: the null device plans, but cannot run");
    return cmdlist_enqueue(plan->list, n_wait, wait, done);
}

int ocelli_plan_steps(const struct ocelli_plan *plan)
{
    return plan->steps.n;
}

int ocelli_plan_step(struct ocelli_plan *plan, int i, struct ocelli_step *out)
{
    if (i < 0 || i >= plan->steps.n)
        return fail(OCELLI_ERR_INVALID, "step %d of %d", i, plan->steps.n);
    *out = plan->steps.item[i];
    if (plan->list)
        out->ms = cmdlist_ms(plan->list, i);
    return 0;
}

void ocelli_plan_get_memory(const struct ocelli_plan *plan, struct ocelli_plan_memory *out)
{
    *out = plan->bytes;
}
