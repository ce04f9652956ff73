/* Running a command list: plain enqueues with the waits that were fixed when it was sealed. Inside
 * the list only events between lanes are needed; against what is outside, each lane's part counts
 * as one command with what it touches. */
#include <string.h>

#include "device/cmdlist.h"

struct run {
    struct cmdlist *list;
    struct queue *q;
    unsigned n_user; /* the caller's events, to be waited for first */
    const cl_event *user;
    /* seen[a][b]: number + 1 of the latest earlier command of lane b that lane a has waited for */
    uint64_t seen[QUEUE_LANES][QUEUE_LANES];
    bool told[QUEUE_LANES]; /* lane a waits for the caller's events */
    int n_final;
    cl_event final[QUEUE_LANES]; /* of each part, borrowed from the list */
    int final_lane[QUEUE_LANES];
};

/* Which earlier commands the parts of the list must come after, and which item of a part first. Out
 * of order, where only events order, the whole list comes after all of them: queue.found keeps
 * them. */
static int find_outside(struct run *r)
{
    struct queue *q = r->q;
    int err = 0;

    q->found.n = 0;
    for (int i = 0; i < r->list->n_touch; i++) {
        const struct list_touch *t = &r->list->touch[i];
        struct list_item *it = &r->list->item[t->first];
        TRY(hazards_find(&q->hazards, &t->touch, &q->found));
        for (int k = 0; q->in_order && k < q->found.n; k++) {
            const struct earlier *e = &q->found.item[k];
            it->outside[e->lane] = MAX(it->outside[e->lane], e->number + 1);
        }
        if (q->in_order)
            q->found.n = 0;
    }
out:
    return err;
}

static int wait_outside(struct run *r, struct list_item *it)
{
    int err = 0;

    for (int k = 0; k < r->q->lanes; k++) {
        uint64_t number = it->outside[k];
        it->outside[k] = 0;
        if (k == it->lane || number <= r->seen[it->lane][k])
            continue;
        r->seen[it->lane][k] = number;
        TRY(queue_wait_flight(r->q, number - 1, it->lane));
    }
out:
    return err;
}

static int wait_user(struct run *r, int lane)
{
    int err = 0;

    for (unsigned i = 0; i < r->n_user; i++)
        TRY(queue_wait_event(r->q, r->user[i], lane, lane));
    r->told[lane] = true;
out:
    return err;
}

/* The item's wait list, in queue.wait. */
static int gather_waits(struct run *r, struct list_item *it)
{
    struct queue *q = r->q;
    int err = 0;

    q->n_wait = 0;
    for (int w = 0; w < it->n_wait; w++) {
        int i = r->list->wait[it->first_wait + w];
        TRY(queue_wait_event(q, r->list->event[i], r->list->item[i].lane, it->lane));
    }
    if (q->in_order) {
        TRY(wait_outside(r, it));
        if (!r->told[it->lane])
            TRY(wait_user(r, it->lane));
    } else if (!it->n_wait) { /* else what it waits for has waited for the rest */
        TRY(queue_wait_found(q, it->lane));
        TRY(wait_user(r, it->lane));
    }
out:
    return err;
}

static int enqueue_gemm(struct run *r, struct list_item *it, cl_event *done)
{
    const struct launch_arg *a = it->launch.arg;
    const struct span *c = &it->arg[0].span, *x = &it->arg[1].span, *y = &it->arg[2].span;
    struct gemm_call call = {
        .m = a[3].i,
        .n = a[4].i,
        .k = a[5].i,
        .trans_a = a[6].i,
        .trans_b = a[7].i,
        .a = x->buffer->mem,
        .b = y->buffer->mem,
        .c = c->buffer->mem,
        .a_offset = x->offset / sizeof(float),
        .b_offset = y->offset / sizeof(float),
        .c_offset = c->offset / sizeof(float),
    };
    cl_command_queue cl = r->q->lane[it->lane].cl;
    int err = 0;

    /* CLBlast takes no wait list. */
    if (r->q->n_wait)
        CL_TRY(clEnqueueBarrierWithWaitList(cl, (cl_uint)r->q->n_wait, r->q->wait, NULL));
    TRY(clblast_gemm(r->list->dev, cl, &call, done));
    if (done && !*done) { /* it may have had nothing to launch */
        CL_TRY(clEnqueueMarkerWithWaitList(cl, 0, NULL, done));
        cl_count(1);
    }
out:
    return err;
}

static int enqueue_item(struct run *r, int i)
{
    struct list_item *it = &r->list->item[i];
    const struct launch *k = &it->launch;
    struct queue *q = r->q;
    struct lane *lane = &q->lane[it->lane];
    cl_event *done = it->keep_event || q->profile ? &r->list->event[i] : NULL;
    int err;

    TRY(gather_waits(r, it));
    lane->dirty = true;
    if (k->kind == LAUNCH_CLBLAST_GEMM) {
        TRY(enqueue_gemm(r, it, done));
    } else {
        CL_TRY(clEnqueueNDRangeKernel(lane->cl, it->kernel, (cl_uint)k->dims, NULL, k->global,
                                      k->local[0] ? k->local : NULL, (cl_uint)q->n_wait,
                                      q->n_wait ? q->wait : NULL, done));
        if (done)
            cl_count(1);
    }
    q->dev->stats.launches++;
out:
    return err ? fail_in(err, "%s", it->label) : 0;
}

/* The events after which the list is done: one for each lane. */
static void finals(struct run *r)
{
    const struct cmdlist *list = r->list;

    for (int i = 0; i < list->n; i++) {
        if (!list->item[i].last)
            continue;
        r->final_lane[r->n_final] = list->item[i].lane;
        r->final[r->n_final++] = list->event[i];
    }
}

/* From here on the parts are earlier commands to whatever comes. */
static int note_parts(struct run *r)
{
    struct queue *q = r->q;
    uint64_t base = queue_next(q), number[QUEUE_LANES] = {0};
    int err = 0;

    for (int p = 0; p < r->n_final; p++)
        number[r->final_lane[p]] = queue_fly(q, r->final_lane[p], r->final[p], r->list->label);
    for (int i = 0; i < r->list->n_touch; i++) {
        const struct list_touch *t = &r->list->touch[i];
        TRY(hazards_note(&q->hazards, &t->touch, number[t->lane], t->lane, base));
    }
    for (int p = 0; p < r->n_final; p++)
        TRY(queue_flush(q, r->final_lane[p]));
out:
    return err;
}

/* The caller's own event; not counted, for it is the caller's to release. */
static int give_event(struct run *r, cl_event *done)
{
    struct queue *q = r->q;
    int err = 0;

    if (r->n_final == 1) {
        CL_TRY(clRetainEvent(r->final[0]));
        *done = r->final[0];
    } else if (r->n_final) {
        CL_TRY(clEnqueueMarkerWithWaitList(q->lane[0].cl, (cl_uint)r->n_final, r->final, done));
    } else {
        CL_TRY(clEnqueueMarkerWithWaitList(q->lane[0].cl, r->n_user, r->user, done));
    }
    CL_TRY(clFlush(q->lane[0].cl));
out:
    return err;
}

static void trace_run(struct run *r)
{
    struct cmdlist *list = r->list;

    for (int i = 0; i < list->n; i++) {
        uint64_t number = trace_add(&r->q->trace, list->event[i], list->item[i].label,
                                    list->item[i].lane, TRACE_KERNEL, 0);
        if (i == 0)
            list->trace_first = number;
    }
    list->ran = list->n > 0;
}

static int check_ready(struct cmdlist *list)
{
    if (!list->sealed)
        return fail(OCELLI_ERR_INVALID, "the command list is not sealed");
    for (int s = 0; s < list->n_slots; s++)
        if (list->slot[s].used && !list->slot[s].ready)
            return fail(OCELLI_ERR_INVALID, "slot %d is not bound", s);
    return list->reorder ? list_order(list) : 0;
}

static int run_list(struct run *r, struct fence *fence, cl_event *done)
{
    struct cmdlist *list = r->list;
    struct queue *q = r->q;
    struct moment *m = NULL;
    int err;

    TRY(queue_reserve(q, QUEUE_LANES));
    if (q->profile)
        TRY(trace_reserve(&q->trace, list->n));
    if (fence)
        TRY(moment_create(q, &m));
    TRY(find_outside(r));
    for (int i = 0; i < list->n; i++)
        TRY(enqueue_item(r, i));
    finals(r);
    TRY(note_parts(r));
    if (done)
        TRY(give_event(r, done));
    if (q->profile)
        trace_run(r);
    if (m) {
        for (int p = 0; p < r->n_final; p++)
            moment_add(m, r->final[p]);
        fence->event = m;
        m = NULL;
    }
out:
    if (err)
        queue_abort(q);
    moment_destroy(m);
    for (int i = 0; i < list->n; i++)
        CL_RELEASE(clReleaseEvent, list->event[i]);
    return err;
}

int cmdlist_run(struct cmdlist *list, struct fence *done)
{
    struct run r = {.list = list, .q = list->dev->queue};
    int err = check_ready(list);

    return err ? err : run_list(&r, done, NULL);
}

int cmdlist_enqueue(struct cmdlist *list, unsigned n_wait, struct _cl_event *const *wait,
                    struct _cl_event **done)
{
    struct run r = {.list = list, .q = list->dev->queue, .n_user = n_wait, .user = wait};
    int err;

    if ((n_wait > 0) != (wait != NULL))
        return fail(OCELLI_ERR_INVALID, "%u events to wait for, and %s list of them", n_wait,
                    wait ? "a" : "no");
    err = check_ready(list);
    return err ? err : run_list(&r, NULL, done);
}

double cmdlist_ms(struct cmdlist *list, int i)
{
    const struct trace_item *it;

    if (!list->ran || i < 0 || i >= list->n)
        return 0;
    it = trace_get(&list->dev->queue->trace, list->trace_first + (uint64_t)i);
    return it && it->ns[3] ? (double)(it->ns[3] - it->ns[2]) / 1e6 : 0;
}
