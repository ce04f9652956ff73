/* Names, and a node's inputs and outputs. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "graph/onnx_import.h"

/* ---- Failing ---- */

int stop(struct onnx_node *n, int err)
{
    return graph_fail(&n->m->g->g, err);
}

bool stopped(const struct onnx_node *n)
{
    return n->m->g->g.status != 0;
}

const char *plain(const char *s, char buf[PLAIN_TEXT])
{
    size_t i = 0;

    for (; s && s[i] && i < PLAIN_TEXT - 1; i++)
        buf[i] = s[i] < ' ' || s[i] > '~' ? '?' : s[i]; /* char has a sign or not */
    buf[i] = 0;
    return buf;
}

/* ---- Names ---- */

static struct slot **bucket(const struct import *m, const char *name)
{
    return (struct slot **)&m->bucket[hash64(name, strlen(name), 0) % SLOT_BUCKETS];
}

bool plain_name(const char *name)
{
    uint32_t c;

    for (int n; *name; name += n)
        if ((n = utf8_next(name, &c)) == 0 || c < ' ' || c == 0x7f)
            return false;
    return true;
}

struct slot *slot_find(const struct import *m, const char *name)
{
    for (struct slot *s = *bucket(m, name); s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

struct slot *slot_new(struct import *m, const char *name)
{
    char text[PLAIN_TEXT];
    struct slot *s, **b = bucket(m, name);

    if (m->g->g.status)
        return NULL;
    if (slot_find(m, name)) {
        graph_fail(&m->g->g, fail(OCELLI_ERR_FORMAT, "\"%s\" is made twice", plain(name, text)));
        return NULL;
    }
    if (!*name || !plain_name(name)) {
        graph_fail(&m->g->g,
                   fail(OCELLI_ERR_FORMAT, "\"%s\" is no name for a value", plain(name, text)));
        return NULL;
    }
    if (++m->n_slots > ONNX_MAX_VALUES) {
        graph_fail(&m->g->g, fail(OCELLI_ERR_FORMAT, "more than %d values", ONNX_MAX_VALUES));
        return NULL;
    }
    if (!(s = arena_alloc(&m->arena, sizeof(*s)))) {
        graph_fail(&m->g->g, OCELLI_ERR_MEMORY);
        return NULL;
    }
    *s = (struct slot){.name = name, .v = OCELLI_NONE, .next = *b};
    return *b = s;
}

/* A constant's content in the graph. */
static ocelli_value constant(struct import *m, const struct desc *d, const void *data)
{
    char text[SHAPE_TEXT];

    for (int i = 0; i < d->shape.rank; i++)
        if (d->shape.dim[i] == 0)
            return graph_fail(&m->g->g,
                              fail(OCELLI_ERR_UNSUPPORTED, "a tensor without elements (%s)",
                                   shape_text(&d->shape, text)));
    return ocelli_const(m->g, NULL, d->dtype, &d->shape, data);
}

/* Elements that a stored tensor claims; SIZE_MAX when they cannot be counted. */
static size_t stored_count(const Onnx__Tensor *t)
{
    size_t n = 1;

    for (size_t i = 0; i < t->n_dims; i++)
        if (t->dims[i] < 0 || !mul_size(n, (size_t)t->dims[i], &n))
            return SIZE_MAX;
    return n;
}

/* The content, out of the message or (last: it is not asked for again) taken from it. Beside the model
 * lie initialisers only. Room for two: a constant's content is copied once more. */
static int stored(const struct import *m, const struct slot *s, bool last, struct desc *d,
                  void **data, void **block)
{
    char text[PLAIN_TEXT];
    const char *path = s->weight ? m->file->path : NULL, *what = plain(s->name, text);

    if (last)
        return onnx_tensor_take(s->tensor, path, what, m->file->left / 2, d, data, block);
    int err = onnx_tensor(s->tensor, path, what, m->file->left / 2, d, data);
    *block = *data;
    return err;
}

/* A weight that starts with `data`, which the graph now frees as `block`. */
static ocelli_value weight(struct import *m, const struct slot *s, const struct desc *d,
                           const void *data, void **block)
{
    int err = arena_adopt(&m->g->g.arena, *block);

    if (err)
        return graph_fail(&m->g->g, err);
    *block = NULL;
    return graph_weight(&m->g->g, s->name, d, data);
}

/* Large ones are asked for once, and then not held twice. */
static ocelli_value value_of_tensor(struct import *m, struct slot *s)
{
    const bool large = stored_count(s->tensor) > HOST_MAX_COUNT;
    struct desc d;
    void *data = NULL, *block = NULL;
    int err = stored(m, s, large, &d, &data, &block);
    const bool copied = block == data; /* or the message holds that much less now */

    if (err)
        s->v = graph_fail(&m->g->g, err);
    else if (s->weight && dtype_is_float(d.dtype))
        s->v = weight(m, s, &d, data, &block);
    else
        s->v = constant(m, &d, data);
    free(block);
    if (s->v != OCELLI_NONE && copied)
        m->file->left -= desc_bytes(&d);
    if (large)
        s->tensor = NULL;
    return s->v;
}

ocelli_value slot_value(struct import *m, struct slot *s)
{
    if (m->g->g.status)
        return OCELLI_NONE;
    if (s->v == OCELLI_NONE && s->tensor)
        return value_of_tensor(m, s);
    if (s->v == OCELLI_NONE && s->host)
        s->v = constant(m, &s->host->d, s->host->data);
    return s->v;
}

const struct host *slot_host(struct import *m, struct slot *s)
{
    struct desc d;
    void *data = NULL, *block;
    struct host *h;
    int err;

    if (s->host || !s->tensor || m->g->g.status || stored_count(s->tensor) > HOST_MAX_COUNT)
        return s->host;
    err = stored(m, s, false, &d, &data, &block);
    if (err) {
        graph_fail(&m->g->g, err);
    } else if ((h = host_new(m, d.dtype, &d.shape))) {
        memcpy(h->data, data, h->count * ocelli_dtype_size(d.dtype));
        s->host = h;
    }
    free(data);
    return s->host;
}

/* ---- Inputs and outputs ---- */

bool has_in(const struct onnx_node *n, int i)
{
    return i >= 0 && (size_t)i < n->n->n_input && n->n->input[i][0];
}

int inputs(const struct onnx_node *n)
{
    return (int)MIN(n->n->n_input, (size_t)INT_MAX);
}

/* NULL with the status set. */
static struct slot *in_slot(struct onnx_node *n, int i)
{
    char text[PLAIN_TEXT];
    struct slot *s = NULL;

    if (!has_in(n, i))
        stop(n, fail(OCELLI_ERR_FORMAT, "input %d is missing", i));
    else if (!(s = slot_find(n->m, n->n->input[i])))
        stop(n, fail(OCELLI_ERR_FORMAT, "input \"%s\" is made by no node before it",
                     plain(n->n->input[i], text)));
    return s;
}

ocelli_value in(struct onnx_node *n, int i)
{
    struct slot *s = stopped(n) ? NULL : in_slot(n, i);

    return s ? slot_value(n->m, s) : OCELLI_NONE;
}

ocelli_value in_or_none(struct onnx_node *n, int i)
{
    return has_in(n, i) ? in(n, i) : OCELLI_NONE;
}

struct ocelli_shape in_shape(struct onnx_node *n, int i)
{
    struct slot *s = stopped(n) ? NULL : in_slot(n, i);

    if (s && s->v == OCELLI_NONE && s->host)
        return s->host->d.shape;
    return ocelli_value_shape(n->m->g, s ? slot_value(n->m, s) : OCELLI_NONE);
}

enum ocelli_dtype in_dtype(struct onnx_node *n, int i)
{
    struct slot *s = stopped(n) ? NULL : in_slot(n, i);

    if (s && s->v == OCELLI_NONE && s->host)
        return s->host->d.dtype;
    return dtype_of(n, s ? slot_value(n->m, s) : OCELLI_NONE);
}

const struct host *in_host(struct onnx_node *n, int i)
{
    struct slot *s = stopped(n) ? NULL : in_slot(n, i);

    return s ? slot_host(n->m, s) : NULL;
}

const struct host *in_known(struct onnx_node *n, int i)
{
    char text[PLAIN_TEXT];
    const struct host *h = in_host(n, i);

    if (!h && !stopped(n))
        stop(n, fail(OCELLI_ERR_UNSUPPORTED,
                     "input \"%s\" has to be known before the network runs: only what follows from "
                     "shapes and constants can be",
                     plain(n->n->input[i], text)));
    return h;
}

bool has_out(const struct onnx_node *n, int i)
{
    return i >= 0 && (size_t)i < n->n->n_output && n->n->output[i][0];
}

int outputs(const struct onnx_node *n)
{
    return (int)MIN(n->n->n_output, (size_t)INT_MAX);
}

void out(struct onnx_node *n, int i, ocelli_value v)
{
    struct slot *s = v == OCELLI_NONE || !has_out(n, i) ? NULL : slot_new(n->m, n->n->output[i]);

    if (s)
        s->v = v;
}

void out_host(struct onnx_node *n, int i, const struct host *h)
{
    struct slot *s = !h || !has_out(n, i) ? NULL : slot_new(n->m, n->n->output[i]);

    if (s)
        s->host = h;
}

void out_empty(struct onnx_node *n, int i, const struct ocelli_shape *s)
{
    out_host(n, i, host_new(n->m, in_dtype(n, 0), s));
}

void out_same(struct onnx_node *n)
{
    struct slot *x = stopped(n) ? NULL : in_slot(n, 0), *s;

    if (!x || !has_out(n, 0))
        return;
    /* What a stored tensor becomes, it becomes once. */
    if (x->tensor && stored_count(x->tensor) > 0)
        slot_value(n->m, x);
    if ((s = slot_new(n->m, n->n->output[0]))) {
        s->v = x->v;
        s->host = slot_host(n->m, x);
        s->source = x->source;
    }
}
