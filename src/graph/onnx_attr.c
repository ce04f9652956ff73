/* A node's attributes, and the lists that are attributes or inputs. */
#include <string.h>

#include "graph/onnx_import.h"

const Onnx__Attribute *attr_find(struct onnx_node *n, const char *name)
{
    for (size_t i = 0; i < n->n->n_attribute && i < 64; i++) {
        const Onnx__Attribute *a = n->n->attribute[i];
        if (a->name && strcmp(a->name, name) == 0) {
            n->used |= (uint64_t)1 << i;
            return a;
        }
    }
    return NULL;
}

bool has_attr(struct onnx_node *n, const char *name)
{
    return attr_find(n, name) != NULL;
}

void attr_ignore(struct onnx_node *n, const char *name)
{
    attr_find(n, name);
}

void attr_refuse(struct onnx_node *n, const char *name, long long value)
{
    stop(n, fail(OCELLI_ERR_UNSUPPORTED, "attribute %s = %lld", name, value));
}

static void wrong_type(struct onnx_node *n, const char *name)
{
    stop(n, fail(OCELLI_ERR_FORMAT, "attribute %s is not of the type that it should be", name));
}

int64_t attr_int(struct onnx_node *n, const char *name, int64_t def)
{
    const Onnx__Attribute *a = attr_find(n, name);

    if (a && !a->has_i)
        wrong_type(n, name);
    return a && a->has_i ? a->i : def;
}

bool attr_flag(struct onnx_node *n, const char *name, bool def)
{
    return attr_int(n, name, def) != 0;
}

float attr_float(struct onnx_node *n, const char *name, float def)
{
    const Onnx__Attribute *a = attr_find(n, name);

    if (a && !a->has_f)
        wrong_type(n, name);
    return a && a->has_f ? a->f : def;
}

int attr_ints(struct onnx_node *n, const char *name, int64_t *v, int max)
{
    const Onnx__Attribute *a = attr_find(n, name);

    if (!a)
        return -1;
    if (a->has_i || a->has_f || a->has_s || a->t) {
        wrong_type(n, name);
        return -1;
    }
    if (a->n_ints > (size_t)max) {
        stop(n, fail(OCELLI_ERR_UNSUPPORTED, "attribute %s has %zu entries", name, a->n_ints));
        return -1;
    }
    for (size_t i = 0; i < a->n_ints; i++)
        v[i] = a->ints[i];
    return (int)a->n_ints;
}

void attr_small(struct onnx_node *n, const char *name, int *v, int count, int def)
{
    int64_t x[2 * OCELLI_MAX_RANK];
    int have = attr_ints(n, name, x, (int)COUNT(x));

    for (int i = 0; i < count; i++)
        v[i] = def;
    if (have < 0)
        return;
    if (have != count) {
        stop(n, fail(OCELLI_ERR_FORMAT, "attribute %s has %d entries, not %d", name, have, count));
        return;
    }
    for (int i = 0; i < count; i++) {
        if (x[i] < -(1 << 30) || x[i] > 1 << 30)
            stop(n, fail(OCELLI_ERR_FORMAT, "attribute %s: %lld", name, (long long)x[i]));
        else
            v[i] = (int)x[i];
    }
}

int attr_word(struct onnx_node *n, const char *name, const char *const *words, int def)
{
    const Onnx__Attribute *a = attr_find(n, name);
    char text[PLAIN_TEXT] = "";

    if (!a)
        return def;
    if (!a->has_s) {
        wrong_type(n, name);
        return def;
    }
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == a->s.len && memcmp(words[i], a->s.data, a->s.len) == 0)
            return i;
    for (size_t i = 0; i < a->s.len && i < PLAIN_TEXT - 1; i++)
        text[i] = a->s.data[i] < ' ' || a->s.data[i] >= 0x7f ? '?' : (char)a->s.data[i];
    stop(n, fail(OCELLI_ERR_UNSUPPORTED, "attribute %s = \"%s\"", name, text));
    return def;
}

int ints(struct onnx_node *n, int i, const char *name, int since, int64_t *v, int max)
{
    const struct host *h;

    if (name && n->opset < since)
        return attr_ints(n, name, v, max);
    if (!has_in(n, i) || !(h = in_known(n, i)))
        return -1;
    if (h->d.shape.rank > 1 || h->count > (size_t)max || dtype_is_float(h->d.dtype)) {
        stop(n, fail(OCELLI_ERR_FORMAT, "input %d is not a list of at most %d numbers", i, max));
        return -1;
    }
    for (size_t k = 0; k < h->count; k++)
        v[k] = host_i(h, k);
    return (int)h->count;
}

int axis_of(struct onnx_node *n, int64_t axis, int rank)
{
    if (axis < -rank || axis >= rank) {
        if (!stopped(n))
            stop(n, fail(OCELLI_ERR_FORMAT, "axis %lld of %d", (long long)axis, rank));
        return 0;
    }
    return (int)(axis < 0 ? axis + rank : axis);
}

int axes_mask(struct onnx_node *n, const int64_t *axes, int count, int rank)
{
    int mask = 0;

    for (int i = 0; i < count; i++) {
        int bit = 1 << axis_of(n, axes[i], rank);
        if (mask & bit)
            stop(n, fail(OCELLI_ERR_FORMAT, "axis %lld is named twice", (long long)axes[i]));
        mask |= bit;
    }
    return mask;
}
