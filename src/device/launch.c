#include "device/launch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

/* A builder call on NULL, which is what launch_add() returns when it fails, does nothing. */

struct launch *launch_add(struct launches *l, const char *program, const char *kernel)
{
    struct launch *k;

    if (!l->err)
        l->err = grow(&l->item, &l->cap, l->n + 1, sizeof(*l->item));
    if (l->err)
        return NULL;
    k = &l->item[l->n++];
    *k = (struct launch){.program = program, .kernel = kernel};
    return k;
}

void launch_define(struct launch *k, const char *fmt, ...)
{
    char word[256];
    va_list ap;
    int n;

    if (!k)
        return;
    va_start(ap, fmt);
    n = vsnprintf(word, sizeof(word), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(word))
        k->defines.failed = true;
    else
        text_add(&k->defines, " -D%s", word);
}

/* One too many is counted and not kept: whoever executes the launch sees it and refuses. */
static void add_arg(struct launch *k, struct launch_arg a)
{
    if (!k || k->n_args > LAUNCH_MAX_ARGS)
        return;
    if (k->n_args < LAUNCH_MAX_ARGS)
        k->arg[k->n_args] = a;
    k->n_args++;
}

void launch_buffer(struct launch *k, const char *name, enum ref_kind kind, int index,
                   enum access access)
{
    add_arg(k, (struct launch_arg){
                   .name = name, .kind = ARG_BUFFER, .ref = {kind, index}, .access = access});
}

void launch_out(struct launch *k, const char *name, int index)
{
    launch_buffer(k, name, REF_OUT, index, ACCESS_WRITE);
}

void launch_in(struct launch *k, const char *name, int index)
{
    launch_buffer(k, name, REF_IN, index, ACCESS_READ);
}

void launch_int(struct launch *k, const char *name, int value)
{
    add_arg(k, (struct launch_arg){.name = name, .kind = ARG_INT, .i = value});
}

void launch_float(struct launch *k, const char *name, float value)
{
    add_arg(k, (struct launch_arg){.name = name, .kind = ARG_FLOAT, .f = value});
}

void launch_local(struct launch *k, const char *name, size_t bytes)
{
    add_arg(k, (struct launch_arg){.name = name, .kind = ARG_LOCAL, .bytes = bytes});
}

int launch_scratch(struct launches *l, size_t bytes)
{
    if (!l->err)
        l->err = grow(&l->scratch, &l->cap_scratch, l->n_scratch + 1, sizeof(*l->scratch));
    if (l->err)
        return 0;
    l->scratch[l->n_scratch] = bytes;
    return l->n_scratch++;
}

static void grid(struct launch *k, int dims, const size_t *g, const size_t *l)
{
    if (!k)
        return;
    k->dims = dims;
    for (int i = 0; i < dims; i++) {
        k->local[i] = l[i];
        k->global[i] = l[i] ? round_up(g[i], l[i]) : g[i];
    }
}

void launch_grid1(struct launch *k, size_t g0, size_t l0)
{
    grid(k, 1, (size_t[]){g0}, (size_t[]){l0});
}

void launch_grid2(struct launch *k, size_t g0, size_t g1, size_t l0, size_t l1)
{
    grid(k, 2, (size_t[]){g0, g1}, (size_t[]){l0, l1});
}

void launch_grid3(struct launch *k, size_t g0, size_t g1, size_t g2, size_t l0, size_t l1,
                  size_t l2)
{
    grid(k, 3, (size_t[]){g0, g1, g2}, (size_t[]){l0, l1, l2});
}

void launches_free(struct launches *l)
{
    for (int i = 0; i < l->n; i++)
        text_free(&l->item[i].defines);
    free(l->item);
    free(l->scratch);
    *l = (struct launches){0};
}
