#include "train/feed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* A tensor like the plan's own of that name. */
static int make(struct ocelli_tensor **out, struct feed *f, const char *name)
{
    const struct ocelli_tensor *t = ocelli_plan_tensor(f->plan, name);
    if (!t)
        return fail(OCELLI_ERR_INVALID, "the network has no \"%s\"", name);
    return ocelli_tensor_create(out, f->dev, ocelli_tensor_dtype(t), ocelli_tensor_shape(t));
}

int feed_init(struct feed *f, struct ocelli_device *dev, struct ocelli_plan *plan,
              const char *const *outputs, int n, bool has_lr)
{
    int err = 0;
    *f = (struct feed){.dev = dev, .plan = plan, .n_out = n, .has_lr = has_lr};
    for (int k = 0; k < n; k++)
        f->name[k] = outputs[k];
    for (int i = 0; i < FEED_SETS; i++) {
        TRY(make(&f->set[i].image, f, "image"));
        TRY(make(&f->set[i].labels, f, "labels"));
        f->set[i].lr_there = NAN;
        if (has_lr)
            TRY(make(&f->set[i].lr, f, "lr"));
        for (int k = 0; k < n; k++)
            TRY(make(&f->set[i].out[k], f, outputs[k]));
    }
    for (int i = 0; i < FEED_DEPTH; i++)
        for (int k = 0; k < n; k++) {
            f->step[i].out[k] = malloc(ocelli_tensor_bytes(f->set[0].out[k]));
            if (!f->step[i].out[k]) {
                err = fail_memory();
                goto out;
            }
        }
out:
    if (err)
        feed_finish(f);
    return err;
}

/* Nothing may be freed while a transfer still uses it; after a failed step that means the device's
 * end. */
void feed_cancel(struct feed *f)
{
    if (!feed_empty(f)) {
        char why[512]; /* the words of the failure that brought us here outlive those of waiting */
        snprintf(why, sizeof(why), "%s", ocelli_error());
        if (ocelli_device_finish(f->dev) != 0 && *why)
            (void)fail(0, "%s", why);
    }
    for (; !feed_empty(f); f->taken++) {
        struct feed_step *s = &f->step[f->taken % FEED_DEPTH];
        for (int k = 0; k < f->n_out; k++)
            fence_drop(&s->done[k]);
        if (s->batch && f->loader)
            loader_release(f->loader, s->batch);
        s->batch = NULL;
    }
}

void feed_finish(struct feed *f)
{
    feed_cancel(f);
    for (int i = 0; i < FEED_DEPTH; i++)
        for (int k = 0; k < f->n_out; k++)
            free(f->step[i].out[k]);
    for (int i = 0; i < FEED_SETS; i++) {
        ocelli_tensor_destroy(&f->set[i].image);
        ocelli_tensor_destroy(&f->set[i].labels);
        ocelli_tensor_destroy(&f->set[i].lr);
        for (int k = 0; k < f->n_out; k++)
            ocelli_tensor_destroy(&f->set[i].out[k]);
    }
    *f = (struct feed){0};
}

int feed_give(struct feed *f, float lr, bool *more)
{
    int err = 0;
    struct feed_set *set = &f->set[f->given % FEED_SETS];
    struct feed_step *step = &f->step[f->given % FEED_DEPTH];
    TRY(loader_next(f->loader, &step->batch));
    *more = step->batch != NULL;
    if (!*more)
        return 0;
    f->given++; /* from here on something may be in work */
    step->lr = lr;
    TRY(transfer_write(set->image, step->batch->pixels, ocelli_tensor_bytes(set->image), NULL));
    TRY(transfer_write(set->labels, step->batch->labels, ocelli_tensor_bytes(set->labels), NULL));
    TRY(ocelli_plan_bind(f->plan, "image", set->image));
    TRY(ocelli_plan_bind(f->plan, "labels", set->labels));
    if (f->has_lr) {
        if (set->lr_there != lr)
            TRY(transfer_write(set->lr, &step->lr, sizeof(step->lr), NULL));
        set->lr_there = lr;
        TRY(ocelli_plan_bind(f->plan, "lr", set->lr));
    }
    for (int k = 0; k < f->n_out; k++)
        TRY(ocelli_plan_bind(f->plan, f->name[k], set->out[k]));
    TRY(ocelli_plan_run(f->plan));
    for (int k = 0; k < f->n_out; k++)
        TRY(transfer_read(set->out[k], step->out[k], ocelli_tensor_bytes(set->out[k]),
                          &step->done[k]));
out:
    return err;
}

/* The results come after the step, the step after its uploads: when they are here, the batch's
 * memory is free too. */
int feed_take(struct feed *f, const struct feed_step **out, struct batch *what)
{
    int err = 0;
    struct feed_step *step = &f->step[f->taken % FEED_DEPTH];
    for (int k = 0; k < f->n_out; k++)
        TRY(fence_wait(&step->done[k]));
    *what = *step->batch;
    loader_release(f->loader, step->batch);
    step->batch = NULL;
    f->taken++;
    *out = step;
out:
    return err;
}
