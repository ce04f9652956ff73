/* Sealing a command list: kernels with their arguments, and the order of the launches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/cmdlist.h"

/* A buffer of which a lane touches more ranges than this is taken as one range: fewer things to
 * look up in every run, for which the memory that a plan keeps to itself has no use. */
#define RANGES 8

/* ---- Kernels ---- */

int item_set_buffer(struct list_item *it, int arg)
{
    cl_mem mem;
    int err;

    TRY(span_mem(&it->arg[arg].span, &mem));
    CL_TRY(clSetKernelArg(it->kernel, (cl_uint)arg, sizeof(mem), &mem));
out:
    return err ? fail_in(err, "%s: argument %s", it->label, it->launch.arg[arg].name) : 0;
}

static int set_arg(struct list_item *it, int i)
{
    const struct launch_arg *a = &it->launch.arg[i];
    cl_int word = a->i;
    int err = 0;

    switch (a->kind) {
    case ARG_BUFFER: /* one that is not bound yet comes with cmdlist_bind() */
        return it->arg[i].span.buffer ? item_set_buffer(it, i) : 0;
    case ARG_INT:
        CL_TRY(clSetKernelArg(it->kernel, (cl_uint)i, sizeof(word), &word));
        break;
    case ARG_FLOAT:
        CL_TRY(clSetKernelArg(it->kernel, (cl_uint)i, sizeof(a->f), &a->f));
        break;
    case ARG_LOCAL:
        CL_TRY(clSetKernelArg(it->kernel, (cl_uint)i, a->bytes, NULL));
        break;
    }
out:
    return err ? fail_in(err, "%s: argument %s", it->label, a->name) : 0;
}

#ifndef NDEBUG
static bool type_fits(enum arg_kind kind, const char *type)
{
    switch (kind) {
    case ARG_INT:
        return strcmp(type, "int") == 0 || strcmp(type, "uint") == 0;
    case ARG_FLOAT:
        return strcmp(type, "float") == 0;
    default:
        return strchr(type, '*') != NULL;
    }
}

/* Compares with the kernel's own list, where the driver tells it. */
static int check_names(const struct list_item *it)
{
    const struct launch *k = &it->launch;
    char name[128], type[128];

    for (int i = 0; i < k->n_args; i++) {
        if (clGetKernelArgInfo(it->kernel, (cl_uint)i, CL_KERNEL_ARG_NAME, sizeof(name), name,
                               NULL) != CL_SUCCESS)
            return 0;
        if (strcmp(name, k->arg[i].name) != 0)
            return fail(OCELLI_ERR_INVALID,
                        "%s: kernel %s: argument %d is \"%s\", the launch gives \"%s\"", it->label,
                        k->kernel, i, name, k->arg[i].name);
        if (clGetKernelArgInfo(it->kernel, (cl_uint)i, CL_KERNEL_ARG_TYPE_NAME, sizeof(type), type,
                               NULL) == CL_SUCCESS &&
            !type_fits(k->arg[i].kind, type))
            return fail(OCELLI_ERR_INVALID,
                        "%s: kernel %s: argument \"%s\" is %s, the launch gives another type",
                        it->label, k->kernel, name, type);
    }
    return 0;
}
#else
static int check_names(const struct list_item *it)
{
    (void)it;
    return 0;
}
#endif

static int check_args(const struct list_item *it)
{
    cl_uint n;
    int err;

    CL_TRY(clGetKernelInfo(it->kernel, CL_KERNEL_NUM_ARGS, sizeof(n), &n, NULL));
    if (n != (cl_uint)it->launch.n_args)
        return fail(OCELLI_ERR_INVALID, "%s: kernel %s takes %u arguments, the launch gives %d",
                    it->label, it->launch.kernel, (unsigned)n, it->launch.n_args);
    err = check_names(it);
out:
    return err;
}

static int check_group(const struct cmdlist *list, const struct list_item *it)
{
    const struct launch *k = &it->launch;
    cl_device_id id = list->dev->id;
    size_t most, fixed[3], group = 1;
    int err = 0;

    CL_TRY(clGetKernelWorkGroupInfo(it->kernel, id, CL_KERNEL_WORK_GROUP_SIZE, sizeof(most), &most,
                                    NULL));
    CL_TRY(clGetKernelWorkGroupInfo(it->kernel, id, CL_KERNEL_COMPILE_WORK_GROUP_SIZE,
                                    sizeof(fixed), fixed, NULL));
    for (int d = 0; d < 3; d++) {
        size_t local = d < k->dims ? k->local[d] : 1;
        if (fixed[0] && fixed[d] != (k->local[0] ? local : 0))
            return fail(OCELLI_ERR_INVALID,
                        "%s: kernel %s is made for work-groups of %zux%zux%zu, not %zux%zux%zu",
                        it->label, k->kernel, fixed[0], fixed[1], fixed[2], k->local[0],
                        k->local[1], k->local[2]);
        if (k->local[0] && !mul_size(group, local, &group))
            group = SIZE_MAX;
    }
    if (k->local[0] && group > most)
        return fail(OCELLI_ERR_INVALID,
                    "%s: kernel %s: work-groups of %zu, this device runs it with at most %zu",
                    it->label, k->kernel, group, most);
out:
    return err;
}

/* With the local arguments set. */
static int check_local(const struct cmdlist *list, const struct list_item *it)
{
    size_t most = list->dev->caps.local_bytes;
    cl_ulong bytes;
    int err = 0;

    CL_TRY(clGetKernelWorkGroupInfo(it->kernel, list->dev->id, CL_KERNEL_LOCAL_MEM_SIZE,
                                    sizeof(bytes), &bytes, NULL));
    if (bytes > most)
        return fail(OCELLI_ERR_INVALID, "%s: kernel %s: %llu bytes of local memory, there are %zu",
                    it->label, it->launch.kernel, (unsigned long long)bytes, most);
out:
    return err;
}

static int check_gemm(const struct list_item *it)
{
    static const char *const names[] = {"c", "a", "b", "m", "n", "k", "trans_a", "trans_b"};
    const struct launch *k = &it->launch;

    if (k->n_args != (int)COUNT(names))
        return fail(OCELLI_ERR_INVALID, "%s: gemm takes %d arguments, the launch gives %d",
                    it->label, (int)COUNT(names), k->n_args);
    for (int i = 0; i < k->n_args; i++)
        if (strcmp(k->arg[i].name, names[i]) != 0 ||
            k->arg[i].kind != (i < 3 ? ARG_BUFFER : ARG_INT))
            return fail(OCELLI_ERR_INVALID, "%s: gemm: argument %d is \"%s\", not \"%s\"",
                        it->label, i, k->arg[i].name, names[i]);
    return 0;
}

static int make_kernel(struct cmdlist *list, struct list_item *it)
{
    int err;

    if (it->launch.kind == LAUNCH_CLBLAST_GEMM)
        return check_gemm(it);
    if (!it->kernel)
        TRY(program_kernel(it->program, it->launch.kernel, &it->kernel));
    TRY(check_args(it));
    TRY(check_group(list, it));
    for (int a = 0; a < it->launch.n_args; a++)
        TRY(set_arg(it, a));
    TRY(check_local(list, it));
out:
    return err;
}

static int build_programs(struct cmdlist *list, void (*progress)(void *user, int done, int n),
                          void *user)
{
    struct program **p = calloc((size_t)MAX(list->n, 1), sizeof(*p));
    int n = 0, err = 0;

    if (!p)
        return fail_memory();
    for (int i = 0; i < list->n; i++) {
        struct list_item *it = &list->item[i];
        int k = 0;
        if (it->launch.kind == LAUNCH_CLBLAST_GEMM)
            continue;
        if ((err =
                 program_get(list->dev, it->launch.program, it->launch.defines.s, &it->program))) {
            fail_in(err, "%s", it->label);
            goto out;
        }
        while (k < n && p[k] != it->program)
            k++;
        p[k] = it->program;
        n += k == n;
    }
    TRY(programs_build(p, n, progress, user));
out:
    free(p);
    return err;
}

int cmdlist_seal(struct cmdlist *list, void (*progress)(void *user, int done, int n), void *user)
{
    char label[256];
    int err;

    if (!list->dev->queue)
        return fail(OCELLI_ERR_UNSUPPORTED, "the null device plans, it cannot run");
    if (list->sealed)
        return fail(OCELLI_ERR_INVALID, "the command list is already sealed");
    TRY(build_programs(list, progress, user));
    for (int i = 0; i < list->n; i++)
        TRY(make_kernel(list, &list->item[i]));
    if (!list->event && !(list->event = calloc((size_t)MAX(list->n, 1), sizeof(*list->event))))
        return fail_memory();
    snprintf(label, sizeof(label), list->n > 1 ? "%s .. %s" : "%s",
             list->n ? list->item[0].label : "empty list",
             list->n ? list->item[list->n - 1].label : "");
    if (!(list->label = queue_label(list->dev->queue, label)))
        return OCELLI_ERR_MEMORY;
    TRY(list_order(list));
    list->sealed = true;
out:
    return err;
}

/* ---- Order ---- */

static int by_place(const void *va, const void *vb)
{
    const struct list_touch *a = va, *b = vb;
    const struct touch *t = &a->touch, *u = &b->touch;

    if (t->id != u->id)
        return (uintptr_t)t->id < (uintptr_t)u->id ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    if (t->offset != u->offset)
        return t->offset < u->offset ? -1 : 1;
    if (t->bytes != u->bytes)
        return t->bytes < u->bytes ? -1 : 1;
    if (t->access != u->access)
        return t->access < u->access ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

static bool same_memory(const struct list_touch *a, const struct list_touch *b)
{
    return a->touch.id == b->touch.id && a->slot == b->slot && a->lane == b->lane;
}

/* Leaves each thing touched once, and buffers with many ranges as one; sorted by place. */
static void merge_touches(struct cmdlist *list)
{
    struct list_touch *t = list->touch;
    int n = 0, out = 0;

    if (list->n_touch)
        qsort(t, (size_t)list->n_touch, sizeof(*t), by_place);
    for (int i = 0; i < list->n_touch; i++) {
        bool twice =
            n && same_memory(&t[n - 1], &t[i]) && t[n - 1].touch.offset == t[i].touch.offset &&
            t[n - 1].touch.bytes == t[i].touch.bytes && t[n - 1].touch.access == t[i].touch.access;
        if (!twice)
            t[n++] = t[i];
    }
    for (int i = 0, end; i < n; i = end) {
        struct list_touch whole = t[i];
        size_t stop = 0;
        for (end = i; end < n && same_memory(&t[i], &t[end]); end++) {
            stop = MAX(stop, t[end].touch.offset + t[end].touch.bytes);
            whole.touch.access |= t[end].touch.access;
            whole.first = MIN(whole.first, t[end].first);
        }
        whole.touch.bytes = stop - whole.touch.offset;
        if (end - i > RANGES) {
            t[out++] = whole;
        } else {
            memmove(t + out, t + i, (size_t)(end - i) * sizeof(*t));
            out += end - i;
        }
    }
    list->n_touch = out;
}

static int add_touches(struct cmdlist *list, int i, const struct touch *t, const int *slots, int n)
{
    int err;

    TRY(grow(&list->touch, &list->cap_touch, list->n_touch + n, sizeof(*list->touch)));
    for (int a = 0; a < n; a++)
        list->touch[list->n_touch++] = (struct list_touch){
            .touch = t[a], .slot = slots[a], .lane = list->item[i].lane, .first = i};
out:
    return err;
}

/* Which events a run has to make. */
static void mark_events(struct cmdlist *list)
{
    int last[QUEUE_LANES];

    list->lanes_used = 0;
    for (int i = 0; i < list->n; i++) {
        struct list_item *it = &list->item[i];
        it->keep_event = it->last = false;
        last[it->lane] = i;
        list->lanes_used |= 1 << it->lane;
    }
    for (int i = 0; i < list->n_wait; i++)
        list->item[list->wait[i]].keep_event = true;
    for (int i = 0; i < list->n; i++) {
        struct list_item *it = &list->item[i];
        it->last = last[it->lane] == i;
        it->keep_event |= it->last;
    }
}

/* Out of order: the last launch also waits for every other that nobody waits for, and so its event
 * is the list's. A marker would do the same, but through PoCL 3.1 a thousand of them in an
 * out-of-order queue take half a minute. */
static int join_ends(struct cmdlist *list)
{
    struct list_item *end = list->n ? &list->item[list->n - 1] : NULL;
    int err = 0;

    mark_events(list);
    for (int i = 0; i < list->n - 1; i++) {
        if (list->item[i].keep_event)
            continue;
        TRY(grow(&list->wait, &list->cap_wait, list->n_wait + 1, sizeof(*list->wait)));
        list->wait[list->n_wait++] = i;
        end->n_wait++;
    }
out:
    return err;
}

int list_order(struct cmdlist *list)
{
    const struct queue *q = list->dev->queue;
    struct order o;
    struct touch t[LAUNCH_MAX_ARGS];
    int slots[LAUNCH_MAX_ARGS], err;

    TRY(order_init(&o, q->compute, q->in_order));
    list->n_touch = list->n_wait = 0;
    for (int i = 0; i < list->n; i++) {
        struct list_item *it = &list->item[i];
        int n = item_touches(it, t, slots);
        TRY(order_add(&o, t, n, -1));
        it->lane = o.item[i].lane;
        it->first_wait = o.item[i].first_wait;
        it->n_wait = o.item[i].n_wait;
        TRY(add_touches(list, i, t, slots, n));
    }
    TRY(grow(&list->wait, &list->cap_wait, o.n_wait, sizeof(*list->wait)));
    if (o.n_wait)
        memcpy(list->wait, o.wait, (size_t)o.n_wait * sizeof(*list->wait));
    list->n_wait = o.n_wait;
    if (!q->in_order)
        TRY(join_ends(list));
    merge_touches(list);
    mark_events(list);
    list->reorder = false;
out:
    order_finish(&o);
    return err;
}
