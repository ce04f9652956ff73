/* Plans: clone -> prune -> fuse -> [recompute] -> select -> memory plan -> (a real device:) allocate,
 * upload, record. */
#include "plan/bind.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ops/attrs.h"
#include "plan/rewrite.h"
#include "plan/tuned.h"

/* ---- Planning, without a device ---- */

/* `shared`: the weights belong to others too. */
static int find_passing(struct ocelli_plan *p, bool shared)
{
    const struct graph *g = p->g;
    p->passing = calloc((size_t)g->n_values + 1, sizeof(*p->passing));
    if (!p->passing)
        return fail_memory();
    for (int v = 0; v < g->n_values; v++)
        p->passing[v] = (struct passing){persists(&g->value[v]) && !shared, g->n_once, -1};
    for (int v = 0; v < g->n_values; v++)
        if (g->value[v].output)
            p->passing[p->mem->value[v].root].is = false;
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->node[i].op->flags & OP_ALIAS)
            continue;
        for (int j = 0; j < g->node[i].n_in; j++) {
            if (g->node[i].in[j] == OCELLI_NONE)
                continue;
            struct passing *x = &p->passing[p->mem->value[g->node[i].in[j]].root];
            x->is = x->is && i < g->n_once;
            x->first = MIN(x->first, i);
            x->last = MAX(x->last, i);
        }
    }
    return 0;
}

/* Which of the sums a value with memory of its own belongs to. */
static uint64_t *sum_of(struct ocelli_plan_memory *b, const struct value *v)
{
    return persists(v) ? &b->weights : v->kind == VALUE_PREPARED ? &b->prepared : &b->io;
}

static void count_memory(struct ocelli_plan *p)
{
    struct ocelli_plan_memory *b = &p->bytes;
    for (int v = 0; v < p->g->n_values; v++) {
        const struct place *at = &p->mem->value[v];
        if (at->kind == PLACE_OWN && at->root == v && !p->passing[v].is)
            *sum_of(b, &p->g->value[v]) += at->bytes;
    }
    for (int i = 0; i < p->g->n_once; i++) {
        uint64_t sum = 0;
        for (int v = 0; v < p->g->n_values; v++)
            if (p->passing[v].is && p->passing[v].first <= i && i <= p->passing[v].last)
                sum += p->mem->value[v].bytes;
        b->setup = MAX(b->setup, sum);
    }
    for (int a = 0; a < p->mem->n_arenas; a++)
        b->arena += p->mem->arena_bytes[a];
    b->scratch = p->mem->scratch_peak;
    b->live = p->mem->live;
    b->peak = b->weights + b->prepared + b->io + b->arena + b->setup;
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

struct caps plan_caps(const struct ocelli_device *dev, const struct ocelli_plan_params *q)
{
    struct caps caps = *device_caps(dev);
    caps.exact = q->exact;
    if (q->storage == OCELLI_F16 && caps.cpu_style) {
        if (!device_is_null(dev))
            log_to(device_log(dev), OCELLI_LOG_WARNING,
                   "plan: storage f16 on a processor takes the kernels of graphics processors: it "
                   "saves memory, and is many times slower than f32");
        caps_graphics(&caps);
    }
    return caps;
}

/* What processors compute fastest on, unless the kernels that take it are not to be used. */
static int lay_out(struct graph *g, const struct caps *caps, const struct ocelli_plan_params *q)
{
    int err = 0;
    if (!op_is_forced(&op_conv2d, q->variant))
        TRY(graph_layout(g, caps, q->exact));
    if (!op_is_forced(&op_conv2d_blocked, q->variant))
        TRY(graph_fuse_separable(g, caps));
    if (!op_is_forced(&op_gemm, q->variant))
        TRY(graph_pack(g, caps));
out:
    return err;
}

int plan_rewrite(struct graph **out, const struct ocelli_graph *g, const struct caps *caps,
                 const struct ocelli_plan_params *q)
{
    const bool half = q->storage == OCELLI_F16;
    int err;
    TRY(ocelli_graph_status(g));
    if (!half && q->storage != OCELLI_F32)
        TRY(fail(OCELLI_ERR_INVALID, "plan: storage %d is neither F32 nor F16", (int)q->storage));
    TRY(graph_clone(&g->g, out));
    TRY(graph_prune(*out));
    if (!q->no_fusion) {
        TRY(graph_fold(*out));
        TRY(graph_fuse(*out));
        TRY(graph_fuse_steps(*out, caps));
        if (!half)
            TRY(lay_out(*out, caps, q));
    }
    if (half)
        TRY(graph_half(*out, !q->weights));
    if (half || !q->no_fusion)
        TRY(graph_hoist(*out));
out:
    return err;
}

/* Kernels and places for the graph as it is now. */
static int choose_and_place(struct ocelli_plan *p, const struct ocelli_plan_params *q,
                            const struct caps *caps, const struct tuned *tuned)
{
    int err;
    if (!q->no_fusion && !q->no_reuse)
        TRY(graph_slices(p->g, caps->align));
    TRY(graph_select(p->g, caps, q->variant, tuned, &p->choices));
    TRY(memory_plan(p->g, p->choices, caps, !q->no_reuse, &p->mem));
    TRY(find_passing(p, q->weights != NULL));
    count_memory(p);
out:
    return err;
}

static void forget_places(struct ocelli_plan *p)
{
    if (p->choices)
        choices_free(&p->choices, p->g->n_nodes);
    memory_plan_free(&p->mem);
    free(p->passing);
    p->passing = NULL;
    p->bytes = (struct ocelli_plan_memory){0};
    graph_free(&p->g);
}

/* Below the cap, if need be by computing values twice. `whole` is the graph as it was before it had
 * places, and is used up. */
static int keep_cap(struct ocelli_plan *p, const struct ocelli_plan_params *q,
                    const struct caps *caps, const struct tuned *tuned, struct graph **whole)
{
    uint64_t peak = p->bytes.peak + q->memory_beside, fixed = peak - p->bytes.arena, least;
    size_t arena, limit;
    int err = 0, again;
    if (peak <= q->memory_cap)
        return 0;
    limit = q->memory_cap > fixed ? (size_t)(q->memory_cap - fixed) : 0;
    forget_places(p);
    p->g = *whole;
    *whole = NULL;
    TRY(graph_recompute(p->g, caps, q->variant, tuned, limit, &arena, &again));
    least = fixed + arena;
    if (least > q->memory_cap)
        TRY(fail(OCELLI_ERR_MEMORY, "memory cap of %" PRIu64 " bytes: at least %" PRIu64
                 " are needed", q->memory_cap, least));
    TRY(choose_and_place(p, q, caps, tuned));
    p->bytes.recomputed = again;
out:
    return err;
}

static int plan_on_paper(struct ocelli_plan *p, const struct ocelli_graph *g,
                         const struct ocelli_plan_params *q)
{
    const struct caps own = plan_caps(p->dev, q), *caps = &own;
    struct graph *whole = NULL;
    struct plan_tuned tuned = {0};
    int err;
    if (q->memory_cap && (q->no_reuse || q->no_fusion))
        TRY(fail(OCELLI_ERR_INVALID, "plan: a memory cap needs fusion and memory that is used again"));
    TRY(plan_rewrite(&p->g, g, caps, q));
    TRY(plan_tuned_open(&tuned, p->dev, caps, p->g, q));
    const struct tuned *book = tuned.book ? &tuned.tuned : NULL;
    if (q->memory_cap)
        TRY(graph_clone(p->g, &whole));
    if (!q->no_fusion)
        TRY(graph_early(p->g));
    TRY(choose_and_place(p, q, caps, book));
    if (q->memory_cap)
        TRY(keep_cap(p, q, caps, book, &whole));
    TRY(steps_create(&p->steps, p->g, p->choices, p->mem));
    if (p->steps.n == p->steps.n_once && !any_empty_output(p->g))
        TRY(fail(OCELLI_ERR_INVALID, "plan: nothing to compute: no operation leads to an output"));
    TRY(find_io(p));
out:
    graph_free(&whole);
    plan_tuned_close(&tuned);
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
        TRY(plan_bind_to_device(p, q));
    for (int v = 0; v < p->g->n_values;
         v++) /* on the device now; it belongs to the caller's graph */
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
    cmdlist_destroy(&p->prepare);
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
    free(p->passing);
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

/* What a run is going to write has another content from now on. */
static void touch_written(struct ocelli_plan *p)
{
    for (int i = 0; i < p->n_io; i++)
        if (!p->io[i].input)
            tensor_touch(p->io[i].now);
    for (int i = 0; i < p->g->n_nodes; i++) {
        const struct node *n = &p->g->node[i];
        for (int j = 0; n->op->updates && j < n->n_in; j++)
            if ((n->op->updates >> j & 1) && n->in[j] != OCELLI_NONE)
                tensor_touch(p->memory[p->mem->value[n->in[j]].root]);
    }
}

int ocelli_plan_run(struct ocelli_plan *plan)
{
    int err;
    if (!plan->list)
        return fail(OCELLI_ERR_UNSUPPORTED, "run: the null device plans, but cannot run");
    TRY(plan_prepare(plan, 0, NULL));
    TRY(cmdlist_run(plan->list, NULL));
    touch_written(plan);
out:
    return err;
}

int ocelli_plan_enqueue(struct ocelli_plan *plan, unsigned n_wait, struct _cl_event *const *wait,
                        struct _cl_event **done)
{
    int err;
    if (!plan->list)
        return fail(OCELLI_ERR_UNSUPPORTED, "enqueue: the null device plans, but cannot run");
    TRY(plan_prepare(plan, n_wait, wait));
    TRY(cmdlist_enqueue(plan->list, n_wait, wait, done));
    touch_written(plan);
out:
    return err;
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
    if (plan->list && !out->once)
        out->ms = cmdlist_ms(plan->list, i - plan->steps.n_once);
    return 0;
}

void ocelli_plan_get_memory(const struct ocelli_plan *plan, struct ocelli_plan_memory *out)
{
    *out = plan->bytes;
}
