/* The command-queue manager's inside, shared by queue.c, transfer.c, trace.c and the cmdlist files.
 */
#ifndef DEVICE_QUEUE_H
#define DEVICE_QUEUE_H

#include "device/cl.h"
#include "device/hazard.h"
#include "device/trace.h"

#define QUEUE_LANES 8 /* at most, with the one for transfers */

struct lane {
    cl_command_queue cl;
    bool dirty; /* has commands that were not flushed: others must not wait for them yet */
};

/* A transfer, or one lane's part of a list's run. Its number is queue.base + its place. */
struct flight {
    cl_event event; /* NULL: known to be complete */
    const char *label;
    int lane;
};

/* What a fence holds. */
struct moment {
    struct queue *queue;
    int n;
    cl_event event[QUEUE_LANES];
};

struct labels {
    const char **slot; /* open addressing; cap is a power of two */
    int n, cap;
    struct arena text;
};

struct queue {
    struct ocelli_device *dev;
    struct lane lane[QUEUE_LANES];
    int lanes;     /* all of them */
    int compute;   /* launches go to 0 .. compute - 1 */
    int transfer;  /* transfers go here */
    bool in_order; /* each lane; else there is one, out of order */
    bool own;      /* the queues are ours, not the caller's */
    bool profile;
    struct hazards hazards;
    struct flight *flight;
    uint64_t base;
    int n, cap;
    struct earlier_list found; /* scratch: what the command in work must come after */
    cl_event *wait;            /* scratch: its wait list */
    int n_wait, cap_wait;
    struct trace trace;
    struct labels labels;
    char failure[256]; /* of a command on the device, not told yet; "" none */
    cl_int failure_code;
};

/* Makes room for n more flights, and forgets complete ones when there are many. */
int queue_reserve(struct queue *q, int n);
/* The number that the next flight gets. */
static inline uint64_t queue_next(const struct queue *q)
{
    return q->base + (uint64_t)q->n;
}
/* Adds a flight (room must be reserved), retaining the event. */
uint64_t queue_fly(struct queue *q, int lane, cl_event event, const char *label);
/* Appends to the wait list of a command on `lane`: an event of a command on lane `from`; an earlier
 * flight, if it may not be complete; all of queue.found, the latest of each lane only where lanes
 * keep order. Flushes the lanes that are waited for. */
int queue_wait_event(struct queue *q, cl_event event, int from, int lane);
int queue_wait_flight(struct queue *q, uint64_t number, int lane);
int queue_wait_found(struct queue *q, int lane);
int queue_flush(struct queue *q, int lane);
/* Another reference to an event. */
cl_event queue_keep(cl_event event);
/* After a failure: waits for all that was enqueued and forgets it; queues that do not recover are
 * made anew. Cannot fail, and is not subject to injected failures. */
void queue_abort(struct queue *q);
/* Fails with the failure that a command had on the device, if there is one that was not told yet.
 */
int queue_tell_failure(struct queue *q);
/* CL_COMPLETE, what is before it, or a negative code. */
cl_int queue_event_status(cl_event event);
/* A copy of the label that lives as long as the queue, the same for the same words; NULL: no
 * memory. */
const char *queue_label(struct queue *q, const char *s);
/* A fence over up to QUEUE_LANES events. */
int moment_create(struct queue *q, struct moment **out);
void moment_add(struct moment *m, cl_event event);
void moment_destroy(struct moment *m);

#endif
