#include "train/feed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ocelli/graph.h>

#include "base/err.h"
#include "base/mem.h"

/* All results that are read: of the plans, and one of the update. */
static int outputs(const struct feed *f)
{
    return f->p.n_outputs + (f->p.update_output != NULL);
}

/* Which plan has output k, and from which lanes it is read. */
static struct ocelli_plan *plan_of(const struct feed *f, int lane, int k)
{
    return k < f->p.n_outputs ? f->lane[lane].plan : lane == 0 ? f->p.update : NULL;
}

static const char *output_name(const struct feed *f, int k)
{
    return k < f->p.n_outputs ? f->name[k] : f->p.update_output;
}

static struct ocelli_plan *plan_with_lr(const struct feed *f)
{
    return f->p.update ? f->p.update : f->lane[0].plan;
}

/* A tensor like the plan's own of that name. */
static int make(struct ocelli_tensor **out, struct feed_lane *l, struct ocelli_plan *plan,
                const char *name)
{
    const struct ocelli_tensor *t = ocelli_plan_tensor(plan, name);
    if (!t)
        return fail(OCELLI_ERR_INVALID, "the network has no \"%s\"", name);
    return ocelli_tensor_create(out, l->dev, ocelli_tensor_dtype(t), ocelli_tensor_shape(t));
}

static int make_sets(struct feed *f, int lane)
{
    int err = 0;
    struct feed_lane *l = &f->lane[lane];
    for (int i = 0; i < FEED_SETS; i++) {
        struct feed_set *s = &l->set[i];
        s->lr_there = NAN;
        TRY(make(&s->image, l, l->plan, "image"));
        TRY(make(&s->labels, l, l->plan, "labels"));
        if (f->p.has_lr && lane == 0)
            TRY(make(&s->lr, l, plan_with_lr(f), "lr"));
        for (int k = 0; k < outputs(f); k++)
            if (plan_of(f, lane, k))
                TRY(make(&s->out[k], l, plan_of(f, lane, k), output_name(f, k)));
    }
out:
    return err;
}

static int make_steps(struct feed *f)
{
    const struct feed_set *s = &f->lane[0].set[0];
    size_t lanes = (size_t)f->p.lanes;
    for (int i = 0; i < FEED_DEPTH; i++) {
        struct feed_step *step = &f->step[i];
        step->done = calloc(lanes * FEED_OUTPUTS, sizeof(*step->done));
        step->labels = malloc(lanes * ocelli_tensor_bytes(s->labels));
        if (!step->done || !step->labels)
            return fail_memory();
        for (int k = 0; k < outputs(f); k++)
            if (!(step->out[k] = malloc(lanes * ocelli_tensor_bytes(s->out[k]))))
                return fail_memory();
    }
    return 0;
}

int feed_init(struct feed *f, const struct feed_params *p)
{
    int err = 0;
    *f = (struct feed){.p = *p};
    f->p.after = MAX(p->after, 1);
    for (int k = 0; k < p->n_outputs; k++)
        f->name[k] = p->outputs[k];
    f->p.dev = NULL;
    f->p.plan = NULL;
    f->p.outputs = NULL;
    f->lane = calloc((size_t)p->lanes, sizeof(*f->lane));
    if (!f->lane)
        TRY(fail_memory());
    for (int d = 0; d < p->lanes; d++) {
        f->lane[d].dev = p->dev[d];
        f->lane[d].plan = p->plan[d];
    }
    for (int d = 0; d < p->lanes; d++)
        TRY(make_sets(f, d));
    TRY(make_steps(f));
out:
    if (err)
        feed_finish(f);
    return err;
}

static uint64_t port_bytes(const struct ocelli_graph *g, const char *name)
{
    struct ocelli_port port;
    for (int i = 0; ocelli_graph_input(g, i, &port) == 0; i++)
        if (strcmp(port.name, name) == 0)
            return desc_bytes(&(struct desc){port.dtype, port.shape});
    for (int i = 0; ocelli_graph_output(g, i, &port) == 0; i++)
        if (strcmp(port.name, name) == 0)
            return desc_bytes(&(struct desc){port.dtype, port.shape});
    return 0;
}

uint64_t feed_bytes(const struct ocelli_graph *g, const struct ocelli_graph *update,
                    const struct feed_params *p)
{
    uint64_t sum = port_bytes(g, "image") + port_bytes(g, "labels");
    if (p->has_lr)
        sum += port_bytes(update ? update : g, "lr");
    for (int k = 0; k < p->n_outputs; k++)
        sum += port_bytes(g, p->outputs[k]);
    if (p->update_output)
        sum += port_bytes(update, p->update_output);
    return FEED_SETS * sum;
}

/* Nothing may be freed while a transfer still uses it; after a failed step that means the device's
 * end. */
void feed_cancel(struct feed *f)
{
    if (!feed_empty(f)) {
        char why[512]; /* the words of the failure that brought us here outlive those of waiting */
        snprintf(why, sizeof(why), "%s", ocelli_error());
        int err = 0;
        for (int d = 0; d < f->p.lanes; d++)
            err |= ocelli_device_finish(f->lane[d].dev);
        if (err != 0 && *why)
            (void)fail(0, "%s", why);
    }
    for (; !feed_empty(f); f->taken++) {
        struct feed_step *s = &f->step[f->taken % FEED_DEPTH];
        for (int k = 0; k < f->p.lanes * FEED_OUTPUTS; k++)
            fence_drop(&s->done[k]);
        if (s->batch && f->loader)
            loader_release(f->loader, s->batch);
        s->batch = NULL;
    }
}

void feed_finish(struct feed *f)
{
    feed_cancel(f);
    for (int i = 0; i < FEED_DEPTH; i++) {
        for (int k = 0; k < FEED_OUTPUTS; k++)
            free(f->step[i].out[k]);
        free(f->step[i].labels);
        free(f->step[i].done);
    }
    for (int d = 0; f->lane && d < f->p.lanes; d++) {
        for (int i = 0; i < FEED_SETS; i++) {
            struct feed_set *s = &f->lane[d].set[i];
            ocelli_tensor_destroy(&s->image);
            ocelli_tensor_destroy(&s->labels);
            ocelli_tensor_destroy(&s->lr);
            for (int k = 0; k < FEED_OUTPUTS; k++)
                ocelli_tensor_destroy(&s->out[k]);
        }
    }
    free(f->lane);
    *f = (struct feed){0};
}

/* The learning rate to its place, and the outputs to theirs. */
static int bind(struct feed *f, struct ocelli_plan *plan, int lane, struct feed_set *set,
                const float *lr)
{
    int err = 0;
    if (lr && f->p.has_lr && plan == plan_with_lr(f)) {
        if (set->lr_there != *lr)
            TRY(transfer_write(set->lr, lr, sizeof(*lr), NULL));
        set->lr_there = *lr;
        TRY(ocelli_plan_bind(plan, "lr", set->lr));
    }
    for (int k = 0; k < outputs(f); k++)
        if (plan_of(f, lane, k) == plan)
            TRY(ocelli_plan_bind(plan, output_name(f, k), set->out[k]));
out:
    return err;
}

static int read_back(struct feed *f, struct ocelli_plan *plan, int lane, const struct feed_set *set,
                     struct feed_step *step)
{
    int err = 0;
    for (int k = 0; k < outputs(f); k++) {
        if (plan_of(f, lane, k) != plan)
            continue;
        size_t bytes = ocelli_tensor_bytes(set->out[k]);
        TRY(transfer_read(set->out[k], (char *)step->out[k] + (size_t)lane * bytes, bytes,
                          &step->done[lane * FEED_OUTPUTS + k]));
    }
out:
    return err;
}

/* One lane's part of the batch. */
static int give_lane(struct feed *f, int lane, struct feed_step *step)
{
    int err = 0;
    struct feed_lane *l = &f->lane[lane];
    struct feed_set *set = &l->set[(f->given - 1) % FEED_SETS];
    size_t image = ocelli_tensor_bytes(set->image), labels = ocelli_tensor_bytes(set->labels);
    const char *pixels = (const char *)step->batch->pixels + (size_t)lane * image;
    const char *classes = (const char *)step->batch->labels + (size_t)lane * labels;
    TRY(transfer_write(set->image, pixels, image, NULL));
    TRY(transfer_write(set->labels, classes, labels, NULL));
    TRY(ocelli_plan_bind(l->plan, "image", set->image));
    TRY(ocelli_plan_bind(l->plan, "labels", set->labels));
    TRY(bind(f, l->plan, lane, set, &step->lr));
    TRY(ocelli_plan_run(l->plan));
    TRY(read_back(f, l->plan, lane, set, step));
out:
    return err;
}

static int give_update(struct feed *f, struct feed_step *step)
{
    int err = 0;
    struct feed_set *set = &f->lane[0].set[(f->given - 1) % FEED_SETS];
    if (f->p.gather)
        TRY(f->p.gather(f->p.user));
    TRY(bind(f, f->p.update, 0, set, &step->lr));
    TRY(ocelli_plan_run(f->p.update));
    TRY(read_back(f, f->p.update, 0, set, step));
    if (f->p.scatter)
        TRY(f->p.scatter(f->p.user));
out:
    return err;
}

int feed_give(struct feed *f, float lr, bool *more)
{
    int err = 0;
    struct feed_step *step = &f->step[f->given % FEED_DEPTH];
    TRY(loader_next(f->loader, &step->batch));
    *more = step->batch != NULL;
    if (!*more)
        return 0;
    f->given++; /* from here on something may be in work */
    step->lr = lr;
    for (int d = 0; d < f->p.lanes; d++)
        TRY(give_lane(f, d, step));
    if (f->p.update && f->given % f->p.after == 0)
        TRY(give_update(f, step));
out:
    return err;
}

/* The results come after the step, the step after its uploads: when they are here, the batch's
 * memory is free too. */
int feed_take(struct feed *f, const struct feed_step **out, struct batch *what)
{
    int err = 0;
    struct feed_step *step = &f->step[f->taken % FEED_DEPTH];
    for (int k = 0; k < f->p.lanes * FEED_OUTPUTS; k++)
        TRY(fence_wait(&step->done[k]));
    *what = *step->batch;
    memcpy(step->labels, step->batch->labels, (size_t)step->batch->count * sizeof(*step->labels));
    loader_release(f->loader, step->batch);
    step->batch = NULL;
    f->taken++;
    *out = step;
out:
    return err;
}
