/* The inside of command lists, shared by cmdlist.c (recording and binding), seal.c (kernels and
 * order) and replay.c (running). */
#ifndef DEVICE_CMDLIST_H
#define DEVICE_CMDLIST_H

#include "device/queue.h"

struct list_item {
    struct launch launch;                /* a copy */
    struct binding arg[LAUNCH_MAX_ARGS]; /* of its buffer arguments */
    const char *label;                   /* the queue's */
    struct program *program;
    cl_kernel kernel; /* its own, so that the arguments stay set */
    int lane;
    int first_wait, n_wait; /* in list.wait: items to wait for */
    bool keep_event;        /* somebody waits for it */
    bool last;              /* of its lane */
    /* In work during a run: number + 1 of the latest earlier command of each lane to wait for. */
    uint64_t outside[QUEUE_LANES];
};

/* Something that a lane's part of the list touches, and the first item there that does. */
struct list_touch {
    struct touch touch;
    int slot, lane, first;
};

/* An external buffer. Retained while bound. */
struct slot {
    struct span span;
    size_t need; /* the most bytes that a launch wants of it */
    bool used;   /* by a launch */
    bool ready;  /* bound, and the kernels know */
};

struct cmdlist {
    struct ocelli_device *dev;
    struct list_item *item;
    int n, cap;
    struct slot *slot;
    int n_slots, cap_slots;
    bool sealed;
    bool reorder; /* a binding changed what overlaps what: the order is to be fixed anew */
    int *wait;
    int n_wait, cap_wait;
    struct list_touch *touch;
    int n_touch, cap_touch;
    int lanes_used;    /* bit k: lane k has launches */
    const char *label; /* "first .. last" */
    cl_event *event;   /* [n], NULL outside of a run */
    bool ran;
    uint64_t trace_first; /* of the last run that was profiled: the number of its item 0 */
};

/* seal.c: sets a buffer argument of an item's kernel. */
int item_set_buffer(struct list_item *it, int arg);
/* seal.c: lanes, waits and touches from what the launches read and write. */
int list_order(struct cmdlist *list);
/* cmdlist.c: what the item touches, for at most LAUNCH_MAX_ARGS arguments; returns how many. */
int item_touches(const struct list_item *it, struct touch *t, int *slots);

#endif
