/* Transfers between host and device, and fences to wait for them and for runs. */
#include <stdlib.h>

#include "device/queue.h"

/* ---- Fences ---- */

int moment_create(struct queue *q, struct moment **out)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return fail_memory();
    (*out)->queue = q;
    return 0;
}

void moment_add(struct moment *m, cl_event event)
{
    m->event[m->n++] = queue_keep(event);
}

void moment_destroy(struct moment *m)
{
    for (int i = 0; m && i < m->n; i++)
        CL_RELEASE(clReleaseEvent, m->event[i]);
    free(m);
}

int fence_wait(struct fence *f)
{
    struct moment *m = f->event;
    struct queue *q;
    int err = 0;

    f->event = NULL;
    if (!m)
        return 0;
    q = m->queue;
    if (m->n)
        CL_TRY(clWaitForEvents((cl_uint)m->n, m->event));
    for (int i = 0; i < m->n; i++)
        if (queue_event_status(m->event[i]) < 0)
            err = cl_fail(queue_event_status(m->event[i]), "clWaitForEvents");
out:
    if (err) {
        int told;
        queue_abort(q);
        told = queue_tell_failure(q); /* names the command, where it is not told yet */
        err = told ? told : err;
    }
    moment_destroy(m);
    return err;
}

void fence_drop(struct fence *f)
{
    moment_destroy(f->event);
    f->event = NULL;
}

/* ---- Transfers ---- */

/* To the device from src, or else from it to dst. */
static int transfer(struct ocelli_tensor *t, const void *src, void *dst, size_t bytes,
                    struct fence *done)
{
    struct queue *q = t->dev->queue;
    const char *label = src ? "write" : "read";
    struct touch touch = {.id = t->span.buffer,
                          .offset = t->span.offset,
                          .bytes = bytes,
                          .access = src ? ACCESS_WRITE : ACCESS_READ};
    cl_mem mem = t->span.buffer->mem;
    cl_event event = NULL;
    struct moment *m = NULL;
    struct lane *lane;
    uint64_t number;
    int err;

    if (!q)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: the null device has no memory", label);
    if (bytes > t->span.bytes)
        return fail(OCELLI_ERR_INVALID, "%s: %zu bytes, the tensor has %zu", label, bytes,
                    t->span.bytes);
    lane = &q->lane[q->transfer];
    q->n_wait = q->found.n = 0;
    TRY(queue_reserve(q, 1));
    if (q->profile)
        TRY(trace_reserve(&q->trace, 1));
    if (done)
        TRY(moment_create(q, &m));
    TRY(hazards_find(&q->hazards, &touch, &q->found));
    TRY(queue_wait_found(q, q->transfer));
    if (src)
        CL_TRY(clEnqueueWriteBuffer(lane->cl, mem, CL_FALSE, t->span.offset, bytes, src,
                                    (cl_uint)q->n_wait, q->n_wait ? q->wait : NULL, &event));
    else
        CL_TRY(clEnqueueReadBuffer(lane->cl, mem, CL_FALSE, t->span.offset, bytes, dst,
                                   (cl_uint)q->n_wait, q->n_wait ? q->wait : NULL, &event));
    cl_count(1);
    lane->dirty = true;
    number = queue_fly(q, q->transfer, event, label);
    TRY(hazards_note(&q->hazards, &touch, number, q->transfer, number));
    TRY(queue_flush(q, q->transfer));
    q->dev->stats.transfers++;
    if (q->profile)
        trace_add(&q->trace, event, label, q->transfer, src ? TRACE_WRITE : TRACE_READ, bytes);
    if (m) {
        moment_add(m, event);
        done->event = m;
        m = NULL;
    }
out:
    if (err)
        queue_abort(q);
    CL_RELEASE(clReleaseEvent, event);
    moment_destroy(m);
    return err ? fail_in(err, "%s of %zu bytes", label, bytes) : 0;
}

int transfer_write(struct ocelli_tensor *t, const void *src, size_t bytes, struct fence *done)
{
    return transfer(t, src, NULL, bytes, done);
}

int transfer_read(struct ocelli_tensor *t, void *dst, size_t bytes, struct fence *done)
{
    return transfer(t, NULL, dst, bytes, done);
}
