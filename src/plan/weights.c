/* Weights and states on a device, by name. */
#include "plan/weights.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "device/device.h"
#include "formats/safetensors.h"

/* Floats as halves, which may overwrite them. */
static void halve(void *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint16_t h = double_to_half((double)from[i]);
        memcpy((char *)to + i * sizeof(h), &h, sizeof(h));
    }
}

int weights_add(struct ocelli_weights *w, const struct value *v, uint64_t seed,
                struct ocelli_tensor **out)
{
    int err;
    struct weight x = {.name = arena_str(&w->arena, v->name)};
    const size_t bytes = desc_bytes(&v->desc), count = (size_t)shape_count(&v->desc.shape);
    float *host = v->data && !v->halved ? NULL : malloc(count * sizeof(float));

    if (!host && (!v->data || v->halved))
        TRY(fail_memory());
    if (!x.name)
        TRY(OCELLI_ERR_MEMORY);
    TRY(grow(&w->item, &w->cap, w->n + 1, sizeof(*w->item)));
    TRY(ocelli_tensor_create(&x.tensor, w->dev, v->desc.dtype, &v->desc.shape));
    w->item[w->n++] = x;
    if (!v->data)
        initial_values(v, seed, host);
    if (v->halved)
        halve(host, v->data ? v->data : host, count);
    TRY(ocelli_tensor_write(x.tensor, host ? host : v->data, bytes));
    if (out)
        *out = x.tensor;
out:
    free(host);
    return err ? fail_in(err, "weight %s", v->name) : 0;
}

void weights_drop(struct ocelli_weights *w, const char *name)
{
    for (int i = 0; i < w->n; i++) {
        if (strcmp(w->item[i].name, name) == 0) {
            ocelli_tensor_destroy(&w->item[i].tensor);
            w->item[i] = w->item[--w->n];
            return;
        }
    }
}

int weights_empty(struct ocelli_weights **out, struct ocelli_device *dev)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return fail_memory();
    (*out)->dev = dev;
    return 0;
}

int ocelli_weights_extend(struct ocelli_weights *w, const struct ocelli_graph *graph, uint64_t seed)
{
    const struct graph *g = &graph->g;
    int err = ocelli_graph_status(graph);
    for (int i = 0; i < g->n_values && !err; i++) {
        const struct value *v = &g->value[i];
        bool kept = v->kind == VALUE_WEIGHT || v->kind == VALUE_STATE;
        if (kept && !ocelli_weights_tensor(w, v->name))
            err = weights_add(w, v, seed, NULL);
    }
    return err;
}

int weights_create(struct ocelli_weights **out, struct ocelli_device *dev, const struct graph *g,
                   uint64_t seed)
{
    int err;
    struct ocelli_weights *w = NULL;
    TRY(weights_empty(&w, dev));
    for (int i = 0; i < g->n_values; i++)
        if (g->value[i].kind == VALUE_WEIGHT || g->value[i].kind == VALUE_STATE)
            TRY(weights_add(w, &g->value[i], seed, NULL));
    *out = w;
    return 0;
out:
    ocelli_weights_destroy(&w);
    return err;
}

int ocelli_weights_create(struct ocelli_weights **out, struct ocelli_device *dev,
                          const struct ocelli_graph *g, uint64_t seed)
{
    int err = ocelli_graph_status(g);
    return err ? err : weights_create(out, dev, &g->g, seed);
}

void ocelli_weights_destroy(struct ocelli_weights **w)
{
    if (!w || !*w)
        return;
    for (int i = 0; i < (*w)->n; i++)
        ocelli_tensor_destroy(&(*w)->item[i].tensor);
    free((*w)->item);
    arena_free(&(*w)->arena);
    free(*w);
    *w = NULL;
}

int ocelli_weights_count(const struct ocelli_weights *w)
{
    return w->n;
}

const char *ocelli_weights_name(const struct ocelli_weights *w, int i)
{
    return i >= 0 && i < w->n ? w->item[i].name : NULL;
}

struct ocelli_tensor *ocelli_weights_tensor(const struct ocelli_weights *w, const char *name)
{
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->item[i].name, name) == 0)
            return w->item[i].tensor;
    return NULL;
}

int ocelli_weights_save(const struct ocelli_weights *w, const char *path)
{
    int err = 0;
    struct st_tensor *t = calloc((size_t)w->n + 1, sizeof(*t));
    void **host = calloc((size_t)w->n + 1, sizeof(*host));

    if (!t || !host)
        TRY(fail_memory());
    for (int i = 0; i < w->n; i++) {
        const struct desc *d = tensor_desc(w->item[i].tensor);
        if (!(host[i] = malloc(desc_bytes(d))))
            TRY(fail_memory());
        TRY(ocelli_tensor_read(w->item[i].tensor, host[i], desc_bytes(d)));
        t[i] = (struct st_tensor){w->item[i].name, *d, host[i]};
    }
    TRY(safetensors_write(path, t, w->n, NULL, 0));
out:
    for (int i = 0; host && i < w->n; i++)
        free(host[i]);
    free(host);
    free(t);
    return err;
}

int ocelli_weights_load(struct ocelli_weights *w, const char *path)
{
    int err;
    struct safetensors *st = NULL;
    char have[SHAPE_TEXT], want[SHAPE_TEXT];

    TRY(safetensors_open(&st, path));
    /* All are checked before the first is changed. */
    for (int i = 0; i < w->n; i++) {
        const struct st_tensor *t = safetensors_find(st, w->item[i].name);
        const struct desc *d = tensor_desc(w->item[i].tensor);
        if (!t)
            TRY(fail(OCELLI_ERR_FORMAT, "%s: has no tensor %s", path, w->item[i].name));
        if (!desc_equal(&t->desc, d))
            TRY(fail(OCELLI_ERR_SHAPE, "%s: %s is %s %s, the network's is %s %s", path, t->name,
                     dtype_name(t->desc.dtype), shape_text(&t->desc.shape, have),
                     dtype_name(d->dtype), shape_text(&d->shape, want)));
    }
    for (int i = 0; i < w->n; i++) {
        const struct st_tensor *t = safetensors_find(st, w->item[i].name);
        TRY(ocelli_tensor_write(w->item[i].tensor, t->data, desc_bytes(&t->desc)));
    }
out:
    safetensors_close(&st);
    return err;
}
