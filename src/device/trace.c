/* Times of commands, and writing them as Chrome trace JSON. */
#include "device/trace.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "device/queue.h"

/* Commands whose times are not fetched yet: above PENDING those that are complete are fetched,
 * above twice as many the oldest is waited for. Commands kept in all: KEPT, about 70 MB. */
#define PENDING 4096
#define KEPT (1 << 20)

/* ---- Keeping ---- */

static void fetch(struct trace *t, struct trace_item *it)
{
    static const cl_profiling_info what[4] = {CL_PROFILING_COMMAND_QUEUED,
                                              CL_PROFILING_COMMAND_SUBMIT,
                                              CL_PROFILING_COMMAND_START, CL_PROFILING_COMMAND_END};
    cl_int status = queue_event_status(it->event);
    bool ok = status == CL_COMPLETE;

    for (int i = 0; ok && i < 4; i++)
        ok = clGetEventProfilingInfo(it->event, what[i], sizeof(it->ns[i]), &it->ns[i], NULL) ==
             CL_SUCCESS;
    if (!ok)
        memset(it->ns, 0, sizeof(it->ns));
    if (status < 0 &&
        (!t->failed || t->failed_status == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)) {
        t->failed = it->label;
        t->failed_status = status;
    }
    CL_RELEASE(clReleaseEvent, it->event);
}

void trace_fetch(struct trace *t, bool all)
{
    for (; t->fetched < t->n; t->fetched++) {
        struct trace_item *it = &t->item[t->fetched];
        if (!it->event)
            continue;
        if (all)
            clWaitForEvents(1, &it->event); /* fetch() sees whether it failed */
        else if (queue_event_status(it->event) > CL_COMPLETE)
            break;
        fetch(t, it);
    }
}

static void drop_oldest(struct trace *t, int n)
{
    uint64_t unwritten = t->base + (uint64_t)n;

    if (unwritten > t->written)
        t->dropped += unwritten - MAX(t->written, t->base);
    t->n -= n;
    t->fetched -= n;
    t->base += (uint64_t)n;
    memmove(t->item, t->item + n, (size_t)t->n * sizeof(*t->item));
}

int trace_reserve(struct trace *t, int n)
{
    if (t->n - t->fetched > PENDING)
        trace_fetch(t, false);
    while (t->n - t->fetched > 2 * PENDING) {
        struct trace_item *it = &t->item[t->fetched];
        if (it->event)
            clWaitForEvents(1, &it->event);
        trace_fetch(t, false);
    }
    if (t->n > KEPT)
        drop_oldest(t, KEPT / 2);
    return grow(&t->item, &t->cap, t->n + n, sizeof(*t->item));
}

uint64_t trace_add(struct trace *t, cl_event event, const char *label, int lane,
                   enum trace_kind kind, size_t bytes)
{
    t->item[t->n] = (struct trace_item){
        .label = label, .event = queue_keep(event), .bytes = bytes, .lane = lane, .kind = kind};
    return t->base + (uint64_t)t->n++;
}

const struct trace_item *trace_get(struct trace *t, uint64_t number)
{
    struct trace_item *it;

    if (number < t->base || number >= t->base + (uint64_t)t->n)
        return NULL;
    it = &t->item[number - t->base];
    if (it->event) {
        clWaitForEvents(1, &it->event);
        fetch(t, it);
    }
    return it;
}

void trace_finish(struct trace *t)
{
    for (int i = t->fetched; i < t->n; i++)
        CL_RELEASE(clReleaseEvent, t->item[i].event);
    free(t->item);
    *t = (struct trace){0};
}

/* ---- Writing ---- */

/* The words as a JSON string with its quotes; the caller frees it. NULL: not UTF-8, or no memory.
 */
static char *quoted(const char *s)
{
    json_t *j = json_string(s);
    char *out = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;

    json_decref(j);
    return out;
}

static void add_name(struct text *out, const char *what, int pid, int tid, const char *name)
{
    char *q = quoted(name);

    text_add(out, "{\"ph\":\"M\",\"name\":\"%s\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":%s}},\n",
             what, pid, tid, q ? q : "\"?\"");
    free(q);
}

static void add_lane(struct text *out, const struct queue *q, int pid, int k)
{
    char name[32];

    if (!q->in_order)
        snprintf(name, sizeof(name), "out-of-order queue");
    else if (k == q->transfer && k >= q->compute)
        snprintf(name, sizeof(name), "transfers");
    else
        snprintf(name, sizeof(name), "lane %d", k);
    add_name(out, "thread_name", pid, k, name);
}

/* Times in microseconds after `zero`. */
static void add_item(struct text *out, const struct trace_item *it, int pid, cl_ulong zero)
{
    static const char *const kind[] = {"kernel", "write", "read"};
    char *q = quoted(it->label);
    double us[4];

    for (int i = 0; i < 4; i++)
        us[i] = (double)(it->ns[i] - zero) / 1e3;
    text_add(out,
             "{\"ph\":\"X\",\"name\":%s,\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,"
             "\"dur\":%.3f,\"args\":{\"queued_us\":%.3f,\"submitted_us\":%.3f,"
             "\"submitted_to_start_us\":%.3f",
             q ? q : "\"?\"", kind[it->kind], pid, it->lane, us[2], us[3] - us[2], us[0], us[1],
             us[2] - us[1]);
    if (it->kind != TRACE_KERNEL)
        text_add(out, ",\"bytes\":%zu", it->bytes);
    text_add(out, "}},\n");
    free(q);
}

/* Writes what is there when it is much, or all; the text is empty then. */
static int drain(struct file_writer *w, struct text *t, bool all)
{
    int err = 0;

    if (t->failed)
        return fail_memory();
    if (t->len && (all || t->len > 1 << 20)) {
        err = file_write(w, t->s, t->len);
        t->len = 0;
    }
    return err;
}

/* The first item that is not written yet. */
static int first_of(const struct trace *t)
{
    return t->written > t->base ? (int)(t->written - t->base) : 0;
}

static cl_ulong begin_of(const struct trace *t)
{
    cl_ulong zero = CL_ULONG_MAX;

    for (int i = first_of(t); i < t->n; i++)
        if (t->item[i].ns[3])
            zero = MIN(zero, t->item[i].ns[0]);
    return zero;
}

static int write_items(struct file_writer *w, struct text *out, struct queue *q, int pid,
                       cl_ulong zero)
{
    struct trace *t = &q->trace;
    int err = 0;

    for (int k = 0; k < q->lanes; k++)
        add_lane(out, q, pid, k);
    for (int i = first_of(t); i < t->n; i++) {
        if (t->item[i].ns[3])
            add_item(out, &t->item[i], pid, zero);
        TRY(drain(w, out, false));
    }
    add_name(out, "process_name", pid, 0, q->dev->info.name);
out:
    return err;
}

static int write_devices(struct file_writer *w, struct ocelli_device *const *dev, int n)
{
    cl_ulong zero = CL_ULONG_MAX;
    unsigned long long dropped = 0;
    struct text out = {0};
    int err = 0;

    for (int d = 0; d < n; d++)
        zero = MIN(zero, begin_of(&dev[d]->queue->trace));
    text_add(&out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    for (int d = 0; d < n; d++) {
        TRY(write_items(w, &out, dev[d]->queue, dev[d]->info.index, zero));
        dropped += dev[d]->queue->trace.dropped;
    }
    if (out.len >= 2)
        out.len -= 2; /* the comma behind the last */
    text_add(&out, "\n],\"otherData\":{\"dropped\":%llu}}\n", dropped);
    TRY(drain(w, &out, true));
out:
    text_free(&out);
    return err;
}

int ocelli_devices_write_trace(struct ocelli_device *const *dev, int n, const char *path)
{
    struct file_writer w;
    int err = 0;

    for (int d = 0; d < n; d++) {
        if (!dev[d]->queue || !dev[d]->queue->profile)
            return fail(OCELLI_ERR_INVALID, "trace: the device does not profile");
        if ((err = queue_finish(dev[d])) != 0)
            return err;
        trace_fetch(&dev[d]->queue->trace, true);
    }
    if ((err = file_create(&w, path, 0666)) != 0)
        return err;
    TRY(write_devices(&w, dev, n));
    TRY(file_commit(&w));
    for (int d = 0; d < n; d++) {
        struct trace *t = &dev[d]->queue->trace;
        t->written = t->base + (uint64_t)t->n;
        t->dropped = 0;
    }
out:
    if (err)
        file_discard(&w);
    return err;
}

int ocelli_device_write_trace(struct ocelli_device *dev, const char *path)
{
    return ocelli_devices_write_trace(&dev, 1, path);
}
