/* The command-queue manager: lanes, and what is under way on them. */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* drivers of 1.2 lack what replaced \
                                             clCreateCommandQueue */
#include "device/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* Flights kept before complete ones are looked for; at twice as many the oldest are waited for. */
#define FLIGHTS 512

/* ---- Making and ending ---- */

static cl_command_queue_properties lane_props(const struct queue *q)
{
    return q->profile ? CL_QUEUE_PROFILING_ENABLE : 0;
}

/* Where no new queue can be had, the old one stays. */
static void lane_renew(struct queue *q, struct lane *lane)
{
    cl_int code;
    cl_command_queue fresh =
        clCreateCommandQueue(q->dev->context, q->dev->id, lane_props(q), &code);

    if (code != CL_SUCCESS)
        return;
    clReleaseCommandQueue(lane->cl);
    lane->cl = fresh;
}

static int create_lanes(struct queue *q, int lanes)
{
    int err = 0;

    if (lanes == 0)
        lanes = q->dev->caps.type == OCELLI_DEVICE_GPU ? 2 : 1;
    if (lanes < 0 || lanes >= QUEUE_LANES)
        return fail(OCELLI_ERR_INVALID, "%d lanes: not between 1 and %d", lanes, QUEUE_LANES - 1);
    q->own = true;
    q->in_order = true;
    q->compute = lanes;
    q->transfer = lanes;
    q->lanes = lanes + 1;
    for (int k = 0; k < q->lanes; k++)
        CL_NEW(q->lane[k].cl,
               clCreateCommandQueue(q->dev->context, q->dev->id, lane_props(q), &cl_err));
out:
    return err;
}

static int take_lane(struct queue *q, cl_command_queue given)
{
    cl_command_queue_properties props;
    int err = 0;

    CL_TRY(clGetCommandQueueInfo(given, CL_QUEUE_PROPERTIES, sizeof(props), &props, NULL));
    if (q->profile && !(props & CL_QUEUE_PROFILING_ENABLE))
        return fail(OCELLI_ERR_INVALID,
                    "profiling needs a queue made with CL_QUEUE_PROFILING_ENABLE");
    CL_TRY(clRetainCommandQueue(given));
    cl_count(1);
    q->lane[0].cl = given;
    q->in_order = !(props & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    q->lanes = q->compute = 1;
out:
    return err;
}

static void queue_free(struct queue *q)
{
    for (int i = 0; i < q->n; i++)
        CL_RELEASE(clReleaseEvent, q->flight[i].event);
    for (int k = 0; k < q->lanes; k++)
        CL_RELEASE(clReleaseCommandQueue, q->lane[k].cl);
    trace_finish(&q->trace);
    hazards_clear(&q->hazards);
    free(q->flight);
    free(q->found.item);
    free(q->wait);
    free(q->labels.slot);
    arena_free(&q->labels.text);
    free(q);
}

int queue_create(struct ocelli_device *dev, int lanes, cl_command_queue given)
{
    struct queue *q = calloc(1, sizeof(*q));
    int err;

    if (!q)
        return fail_memory();
    q->dev = dev;
    q->profile = dev->profile;
    TRY(given ? take_lane(q, given) : create_lanes(q, lanes));
    q->hazards.in_order = q->in_order;
    dev->queue = q;
    q = NULL;
out:
    if (q)
        queue_free(q);
    return err;
}

void queue_destroy(struct ocelli_device *dev)
{
    if (!dev->queue)
        return;
    queue_abort(dev->queue);
    queue_free(dev->queue);
    dev->queue = NULL;
}

/* ---- Failures on the device ---- */

/* Keeps the first failure; one that only passes on another's gives way to that other. */
static void note_failure(struct queue *q, const char *label, cl_int status)
{
    if (q->failure[0] && q->failure_code != CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
        return;
    q->failure_code = status;
    snprintf(q->failure, sizeof(q->failure), "%s: failed on the device: %s (%d)", label,
             cl_code_name(status), (int)status);
}

int queue_tell_failure(struct queue *q)
{
    int err = 0;

    if (q->failure[0])
        err = fail(OCELLI_ERR_DEVICE, "%s", q->failure);
    q->failure[0] = 0;
    return err;
}

cl_int queue_event_status(cl_event event)
{
    cl_int status, code;

    code = clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status), &status, NULL);
    return code == CL_SUCCESS ? status : code;
}

/* ---- Flights ---- */

static struct flight *flight_of(const struct queue *q, uint64_t number)
{
    if (number < q->base || number >= queue_next(q))
        return NULL;
    return &q->flight[number - q->base];
}

static bool flight_done(const void *user, uint64_t number)
{
    const struct flight *f = flight_of(user, number);
    return !f || !f->event;
}

/* Forgets the flights that are complete; where times are kept, those name the culprit. */
static void harvest(struct queue *q)
{
    cl_int status;
    int done = 0;

    trace_fetch(&q->trace, false);
    if (q->trace.failed)
        note_failure(q, q->trace.failed, q->trace.failed_status);
    q->trace.failed = NULL;
    for (int i = 0; i < q->n; i++) {
        struct flight *f = &q->flight[i];
        if (!f->event || (status = queue_event_status(f->event)) > CL_COMPLETE)
            continue;
        if (status < 0)
            note_failure(q, f->label, status);
        CL_RELEASE(clReleaseEvent, f->event);
    }
    while (done < q->n && !q->flight[done].event)
        done++;
    q->n -= done;
    q->base += (uint64_t)done;
    if (done)
        memmove(q->flight, q->flight + done, (size_t)q->n * sizeof(*q->flight));
    hazards_sweep(&q->hazards, flight_done, q);
}

int queue_reserve(struct queue *q, int n)
{
    int err = 0;

    if (q->n > FLIGHTS)
        harvest(q);
    if (q->n > 2 * FLIGHTS) {
        for (int k = 0; k < q->lanes; k++)
            TRY(queue_flush(q, k));
        for (int i = 0; i < FLIGHTS; i++)
            if (q->flight[i].event)
                clWaitForEvents(1, &q->flight[i].event); /* harvest() sees whether it failed */
        harvest(q);
    }
    TRY(grow(&q->flight, &q->cap, q->n + n, sizeof(*q->flight)));
out:
    return err;
}

uint64_t queue_fly(struct queue *q, int lane, cl_event event, const char *label)
{
    q->flight[q->n] = (struct flight){.event = queue_keep(event), .label = label, .lane = lane};
    return q->base + (uint64_t)q->n++;
}

cl_event queue_keep(cl_event event)
{
    clRetainEvent(event);
    cl_count(1);
    return event;
}

int queue_flush(struct queue *q, int lane)
{
    int err = 0;

    if (q->lane[lane].dirty)
        CL_TRY(clFlush(q->lane[lane].cl));
    q->lane[lane].dirty = false;
out:
    return err;
}

int queue_wait_event(struct queue *q, cl_event event, int from, int lane)
{
    int err;

    TRY(grow(&q->wait, &q->cap_wait, q->n_wait + 1, sizeof(*q->wait)));
    /* Only what was flushed may be waited for from another queue (OpenCL 1.2, section 5.13). */
    if (from != lane)
        TRY(queue_flush(q, from));
    q->wait[q->n_wait++] = event;
out:
    return err;
}

int queue_wait_flight(struct queue *q, uint64_t number, int lane)
{
    const struct flight *f = flight_of(q, number);
    cl_int status = f && f->event ? queue_event_status(f->event) : CL_COMPLETE;

    if (status == CL_COMPLETE)
        return 0;
    if (status > 0)
        return queue_wait_event(q, f->event, f->lane, lane);
    /* Not all drivers survive a command that is to wait for one that failed. */
    harvest(q);
    return queue_tell_failure(q);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct earlier *)a)->number, y = ((const struct earlier *)b)->number;
    return (x > y) - (x < y);
}

int queue_wait_found(struct queue *q, int lane)
{
    uint64_t latest[QUEUE_LANES] = {0}; /* number + 1 */
    struct earlier *e = q->found.item;
    int err = 0;

    if (!q->in_order && q->found.n) {
        qsort(e, (size_t)q->found.n, sizeof(*e), by_number);
        for (int i = 0; i < q->found.n; i++)
            if (i == 0 || e[i].number != e[i - 1].number)
                TRY(queue_wait_flight(q, e[i].number, lane));
        return 0;
    }
    for (int i = 0; i < q->found.n; i++)
        latest[e[i].lane] = MAX(latest[e[i].lane], e[i].number + 1);
    for (int k = 0; k < q->lanes; k++)
        if (latest[k] && k != lane)
            TRY(queue_wait_flight(q, latest[k] - 1, lane));
out:
    return err;
}

/* ---- Waiting ---- */

void queue_abort(struct queue *q)
{
    for (int k = 0; k < q->lanes; k++)
        clFlush(q->lane[k].cl);
    for (int k = 0; k < q->lanes; k++) {
        if (clFinish(q->lane[k].cl) != CL_SUCCESS && q->own)
            lane_renew(q, &q->lane[k]);
        q->lane[k].dirty = false;
    }
    harvest(q);
    /* What a broken driver still calls running is not coming back. */
    for (int i = 0; i < q->n; i++)
        CL_RELEASE(clReleaseEvent, q->flight[i].event);
    harvest(q);
}

int queue_finish(struct ocelli_device *dev)
{
    struct queue *q = dev->queue;
    int err = 0;

    if (!q)
        return 0;
    for (int k = 0; k < q->lanes; k++)
        TRY(queue_flush(q, k));
    for (int k = 0; k < q->lanes; k++)
        CL_TRY(clFinish(q->lane[k].cl));
out:
    if (err) {
        queue_abort(q);
        q->failure[0] = 0; /* told with this one */
        return err;
    }
    harvest(q);
    return queue_tell_failure(q);
}

void queue_forget(struct ocelli_device *dev, const struct buffer *b)
{
    struct queue *q = dev->queue;
    int err = 0;

    q->found.n = 0;
    TRY(hazards_users(&q->hazards, b, &q->found));
    for (int k = 0; k < q->lanes && q->found.n; k++)
        TRY(queue_flush(q, k));
    for (int i = 0; i < q->found.n; i++) {
        const struct flight *f = flight_of(q, q->found.item[i].number);
        if (f && f->event)
            clWaitForEvents(1, &f->event); /* whether it failed is told when somebody asks */
    }
out:
    if (err)
        queue_abort(q);
    hazards_forget(&q->hazards, b);
}

/* ---- Labels ---- */

static int label_at(const struct labels *l, const char *s)
{
    unsigned i = (unsigned)hash64(s, strlen(s), 0) & (unsigned)(l->cap - 1);

    while (l->slot[i] && strcmp(l->slot[i], s) != 0)
        i = (i + 1) & (unsigned)(l->cap - 1);
    return (int)i;
}

static int labels_grow(struct labels *l)
{
    struct labels old = *l;

    l->cap = old.cap ? old.cap * 2 : 64;
    l->slot = calloc((size_t)l->cap, sizeof(*l->slot));
    if (!l->slot) {
        *l = old;
        return fail_memory();
    }
    for (int i = 0; i < old.cap; i++)
        if (old.slot[i])
            l->slot[label_at(l, old.slot[i])] = old.slot[i];
    free(old.slot);
    return 0;
}

const char *queue_label(struct queue *q, const char *s)
{
    struct labels *l = &q->labels;
    int i;

    if (2 * l->n >= l->cap && labels_grow(l))
        return NULL;
    i = label_at(l, s);
    if (!l->slot[i]) {
        l->slot[i] = arena_str(&l->text, s);
        l->n += l->slot[i] != NULL;
    }
    return l->slot[i];
}
