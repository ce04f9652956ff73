/* Command lists: recording, and exchanging external buffers. */
#include "device/cmdlist.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SLOTS (1 << 20)

int cmdlist_create(struct cmdlist **out, struct ocelli_device *dev)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return fail_memory();
    (*out)->dev = dev;
    return 0;
}

static void item_free(struct list_item *it)
{
    for (int a = 0; a < it->launch.n_args; a++)
        if (it->launch.arg[a].kind == ARG_BUFFER && it->arg[a].slot < 0)
            buffer_release(&it->arg[a].span.buffer);
    CL_RELEASE(clReleaseKernel, it->kernel);
    text_free(&it->launch.defines);
}

void cmdlist_destroy(struct cmdlist **list)
{
    struct cmdlist *l = *list;

    *list = NULL;
    if (!l)
        return;
    for (int i = 0; i < l->n; i++)
        item_free(&l->item[i]);
    for (int s = 0; s < l->n_slots; s++)
        buffer_release(&l->slot[s].span.buffer);
    free(l->item);
    free(l->slot);
    free(l->wait);
    free(l->touch);
    free(l->event);
    free(l);
}

/* ---- Recording ---- */

static int check_launch(const struct cmdlist *list, const struct launch *k, const char *label)
{
    if (list->sealed)
        return fail(OCELLI_ERR_INVALID, "%s: the command list is sealed", label);
    if (k->n_args > LAUNCH_MAX_ARGS)
        return fail(OCELLI_ERR_INVALID, "%s: kernel %s has more than %d arguments", label,
                    k->kernel, LAUNCH_MAX_ARGS);
    if (k->defines.failed)
        return fail(OCELLI_ERR_MEMORY, "%s: kernel %s: its defines could not be kept", label,
                    k->kernel);
    if (k->kind != LAUNCH_KERNEL)
        return 0;
    if (k->dims < 1 || k->dims > 3)
        return fail(OCELLI_ERR_INVALID, "%s: kernel %s: %d dimensions", label, k->kernel, k->dims);
    for (int d = 0; d < k->dims; d++)
        if (k->global[d] == 0 || (k->local[0] && !k->local[d]))
            return fail(OCELLI_ERR_INVALID, "%s: kernel %s: no work-items in dimension %d", label,
                        k->kernel, d);
    return 0;
}

/* A slot is one place: two launches that name it must mean the same bytes. */
static int slot_use(struct cmdlist *list, const struct binding *b, const char *label)
{
    struct slot *s;
    int err;

    if (b->slot >= MAX_SLOTS)
        return fail(OCELLI_ERR_INVALID, "%s: slot %d is beyond %d", label, b->slot, MAX_SLOTS);
    if ((err = grow(&list->slot, &list->cap_slots, b->slot + 1, sizeof(*list->slot))) != 0)
        return err;
    list->n_slots = MAX(list->n_slots, b->slot + 1);
    s = &list->slot[b->slot];
    if (s->used && (s->span.buffer != b->span.buffer || s->span.offset != b->span.offset))
        return fail(OCELLI_ERR_INVALID, "%s: slot %d is already another place", label, b->slot);
    if (!s->used && b->span.buffer)
        buffer_retain(b->span.buffer);
    s->used = true;
    s->need = MAX(s->need, b->span.bytes);
    s->span = (struct span){b->span.buffer, b->span.offset, s->need};
    s->ready = s->span.buffer != NULL;
    return 0;
}

static int item_bind(struct cmdlist *list, struct list_item *it, int a,
                     const struct binding *const of[3])
{
    const struct launch_arg *arg = &it->launch.arg[a];
    const struct binding *b = of[arg->ref.kind];
    size_t end;

    if (!b || arg->ref.index < 0)
        return fail(OCELLI_ERR_INVALID, "%s: argument %s has no buffer", it->label, arg->name);
    b += arg->ref.index;
    if ((b->slot < 0 && !b->span.buffer) || b->span.bytes == 0)
        return fail(OCELLI_ERR_INVALID, "%s: argument %s has no buffer", it->label, arg->name);
    if (b->span.buffer &&
        (b->span.buffer->dev != list->dev || !add_size(b->span.offset, b->span.bytes, &end) ||
         end > b->span.buffer->bytes))
        return fail(OCELLI_ERR_INVALID, "%s: argument %s: %zu bytes at %zu are not in its buffer",
                    it->label, arg->name, b->span.bytes, b->span.offset);
    it->arg[a] = (struct binding){.slot = -1};
    if (b->slot < 0)
        buffer_retain(b->span.buffer);
    else if (slot_use(list, b, it->label))
        return OCELLI_ERR_INVALID;
    it->arg[a] = *b;
    return 0;
}

int cmdlist_add(struct cmdlist *list, const struct launch *launch, const struct binding *in,
                const struct binding *out, const struct binding *scratch, const char *label)
{
    const struct binding *const of[3] = {[REF_IN] = in, [REF_OUT] = out, [REF_SCRATCH] = scratch};
    struct list_item *it;
    int err;

    TRY(check_launch(list, launch, label));
    TRY(grow(&list->item, &list->cap, list->n + 1, sizeof(*list->item)));
    it = &list->item[list->n];
    *it = (struct list_item){.launch = *launch, .label = label};
    it->launch.defines = (struct text){0};
    for (int a = 0; a < LAUNCH_MAX_ARGS; a++)
        it->arg[a].slot = -1;
    list->n++; /* from here on cmdlist_destroy() frees what it holds */
    if (list->dev->queue && !(it->label = queue_label(list->dev->queue, label)))
        err = OCELLI_ERR_MEMORY;
    text_add(&it->launch.defines, "%s", launch->defines.s ? launch->defines.s : "");
    if (it->launch.defines.failed)
        err = fail_memory();
    for (int a = 0; a < launch->n_args && !err; a++)
        if (launch->arg[a].kind == ARG_BUFFER)
            err = item_bind(list, it, a, of);
    if (err) {
        item_free(it);
        list->n--;
    }
out:
    return err;
}

/* ---- Binding ---- */

int item_touches(const struct list_item *it, struct touch *t, int *slots)
{
    int n = 0;

    for (int a = 0; a < it->launch.n_args; a++) {
        const struct binding *b = &it->arg[a];
        if (it->launch.arg[a].kind != ARG_BUFFER)
            continue;
        /* What is not bound yet overlaps nothing: small numbers are no addresses. */
        t[n] = (struct touch){.id = b->span.buffer,
                              .offset = b->span.offset,
                              .bytes = b->span.bytes,
                              .access = it->launch.arg[a].access};
        if (!b->span.buffer)
            t[n].id = (const void *)((uintptr_t)b->slot + 1);
        slots[n++] = b->slot;
    }
    return n;
}

/* Whether the slot's bytes are also bytes of another slot or of a fixed buffer of the list. */
static bool slot_shared(const struct cmdlist *list, int slot)
{
    const struct span *s = &list->slot[slot].span;

    if (!s->buffer)
        return false;
    for (int i = 0; i < list->n; i++) {
        const struct list_item *it = &list->item[i];
        for (int a = 0; a < it->launch.n_args; a++) {
            const struct binding *b = &it->arg[a];
            if (b->slot != slot && b->span.buffer == s->buffer &&
                b->span.offset < s->offset + s->bytes && s->offset < b->span.offset + b->span.bytes)
                return true;
        }
    }
    return false;
}

static int rebind_items(struct cmdlist *list, int slot, const struct span *span)
{
    int err = 0;

    for (int i = 0; i < list->n; i++) {
        struct list_item *it = &list->item[i];
        for (int a = 0; a < it->launch.n_args; a++) {
            if (it->launch.arg[a].kind != ARG_BUFFER || it->arg[a].slot != slot)
                continue;
            it->arg[a].span.buffer = span->buffer;
            it->arg[a].span.offset = span->offset;
            if (it->kernel && !err)
                err = item_set_buffer(it, a);
        }
    }
    return err;
}

int cmdlist_bind(struct cmdlist *list, int slot, const struct span *span)
{
    struct slot *s;
    struct buffer *old;
    int err;

    if (slot < 0 || slot >= list->n_slots || !list->slot[slot].used)
        return 0; /* no launch has use for it */
    s = &list->slot[slot];
    if (s->ready && span->buffer == s->span.buffer && span->offset == s->span.offset &&
        span->bytes >= s->need)
        return 0;
    if (!span->buffer || span->buffer->dev != list->dev)
        return fail(OCELLI_ERR_INVALID, "slot %d: no buffer of this device", slot);
    if (span->bytes < s->need)
        return fail(OCELLI_ERR_INVALID, "slot %d: %zu bytes given, %zu needed", slot, span->bytes,
                    s->need);
    if (list->sealed && !list->reorder)
        list->reorder = !s->ready || slot_shared(list, slot);
    old = s->span.buffer;
    s->span = (struct span){buffer_retain(span->buffer), span->offset, s->need};
    err = rebind_items(list, slot, span);
    s->ready = !err;
    if (list->sealed && !list->reorder)
        list->reorder = slot_shared(list, slot);
    for (int i = 0; i < list->n_touch; i++) {
        if (list->touch[i].slot == slot) {
            list->touch[i].touch.id = span->buffer;
            list->touch[i].touch.offset = span->offset;
        }
    }
    buffer_release(&old);
    return err;
}
