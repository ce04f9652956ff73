/* Who must wait for whom. Pure bookkeeping: no OpenCL, so it is tested by itself.
 *
 * A command is a number; numbers grow in the order in which commands are given. Two commands
 * conflict when they touch the same bytes and at least one writes (read after write, write after
 * read, write after write); the later one then has to wait for the earlier one. */
#ifndef DEVICE_HAZARD_H
#define DEVICE_HAZARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/launch.h"

/* ---- The tracker ---- */

/* A range of some memory that a command reads or writes. `id` is only compared. */
struct touch {
    const void *id;
    size_t offset, bytes;
    enum access access;
};

/* An earlier command, and the lane that it was given to. */
struct earlier {
    uint64_t number;
    int lane;
};
struct earlier_list {
    struct earlier *item;
    int n, cap;
};

struct hazard_record {
    size_t offset, end;
    uint64_t number;
    int lane;
    bool write;
};
struct hazard_memory {
    const void *id;
    struct hazard_record *rec;
    int n, cap;
};
/* {0} with in_order set as wanted is empty. in_order: commands of one lane complete in order, so
 * waiting for the latest is enough. */
struct hazards {
    struct hazard_memory *mem; /* sorted by id */
    int n, cap;
    bool in_order;
};

/* Appends to `out` the commands that a command touching `t` must wait for (maybe twice). What they
 * in turn waited for because of the same bytes is left out. */
int hazards_find(const struct hazards *h, const struct touch *t, struct earlier_list *out);
/* Remembers that a command touches `t`. It, and all that touches `t` later, comes after the
 * commands below `base` that hazards_find() gave for `t`: the ones it hides are forgotten. */
int hazards_note(struct hazards *h, const struct touch *t, uint64_t number, int lane,
                 uint64_t base);
/* Appends every remembered command that touches `id` at all. */
int hazards_users(const struct hazards *h, const void *id, struct earlier_list *out);
void hazards_forget(struct hazards *h, const void *id);
/* Forgets the commands of which done() says true. */
void hazards_sweep(struct hazards *h, bool (*done)(const void *user, uint64_t number),
                   const void *user);
/* Forgets everything; frees. The tracker can be used again. */
void hazards_clear(struct hazards *h);

/* ---- Fixing the order of a list of commands once ---- */

struct order_item {
    int lane;
    int place;              /* how many commands the lane has with this one */
    int finish;             /* when it would be done if every command took 1 */
    int first_wait, n_wait; /* in order.wait: commands to wait for */
};
/* With in_order, lanes keep their own order and `wait` names commands of other lanes only, without
 * those that another wait or the lane implies. Without, there is one lane which keeps none. */
struct order {
    struct hazards hazards;
    int lanes;
    struct order_item *item;
    int n, cap;
    int *wait;
    int n_wait, cap_wait;
    int *clock; /* [n][lanes]: how many commands of each lane are complete when this one is */
    int cap_clock;
    int *last; /* [lanes]: the lane's latest command, -1: none */
    int *now;  /* [lanes]: the clock in work */
    struct earlier_list found;
};
int order_init(struct order *o, int lanes, bool in_order);
/* Adds the next command. lane -1: the lane on which it could start first, with that of its latest
 * dependency preferred, for this saves an event. */
int order_add(struct order *o, const struct touch *t, int n, int lane);
void order_finish(struct order *o);

#endif
