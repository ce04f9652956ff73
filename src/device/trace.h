/* The times of commands, kept until they are written. For queue.c and replay.c. */
#ifndef DEVICE_TRACE_H
#define DEVICE_TRACE_H

#include "device/cl.h"

enum trace_kind { TRACE_KERNEL, TRACE_WRITE, TRACE_READ };

struct trace_item {
    const char *label; /* the queue's */
    cl_event event;    /* until the times are fetched */
    cl_ulong ns[4];    /* queued, submitted, start, end; 0 where the command failed */
    size_t bytes;      /* of a transfer */
    int lane;
    enum trace_kind kind;
};

/* Items have numbers that grow for ever; the oldest are dropped when there are too many. */
struct trace {
    struct trace_item *item;
    int n, cap;
    uint64_t base;    /* the number of item[0] */
    int fetched;      /* the items before have their times */
    uint64_t written; /* the next write begins with this number */
    uint64_t dropped; /* since the last write */
    const char
        *failed; /* the label of the first command seen to have failed; for the queue to clear */
    cl_int failed_status;
};

/* Makes room for n items, so that trace_add() cannot fail. */
int trace_reserve(struct trace *t, int n);
/* Adds a command, retaining its event; returns its number. */
uint64_t trace_add(struct trace *t, cl_event event, const char *label, int lane,
                   enum trace_kind kind, size_t bytes);
/* Fetches the times of what is complete, oldest first; with `all` of everything, waiting for it. */
void trace_fetch(struct trace *t, bool all);
/* The item of that number, its times fetched (waits for the command), or NULL when dropped. */
const struct trace_item *trace_get(struct trace *t, uint64_t number);
void trace_finish(struct trace *t);

#endif
