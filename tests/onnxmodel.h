/* ONNX models made in memory: messages of the schema, filled in by calls, packed into bytes. */
#ifndef TESTS_ONNXMODEL_H
#define TESTS_ONNXMODEL_H

#include <stdarg.h>
#include <string.h>

#include <onnx.pb-c.h>

#include "base/mem.h"
#include "test.h"

struct model {
    struct arena arena;
    Onnx__Model m;
    Onnx__Graph g;
};

static inline void *model_new(struct model *m, size_t bytes)
{
    void *p = arena_alloc(&m->arena, bytes);
    ck_assert_ptr_nonnull(p);
    return p;
}

/* Appends a message to a repeated field. */
#define MODEL_APPEND(m, list, count, item)                      \
    do {                                                        \
        void *old_ = (list);                                    \
        (list) = model_new(m, ((count) + 1) * sizeof(*(list))); \
        if (count)                                              \
            memcpy((list), old_, (count) * sizeof(*(list)));    \
        (list)[(count)++] = (item);                             \
    } while (0)

static inline void model_opset(struct model *m, const char *domain, int version)
{
    Onnx__OperatorSet *s = model_new(m, sizeof(*s));
    onnx__operator_set__init(s);
    s->domain = (char *)domain;
    s->has_version = true;
    s->version = version;
    MODEL_APPEND(m, m->m.opset_import, m->m.n_opset_import, s);
}

static inline void model_begin(struct model *m, int opset)
{
    memset(m, 0, sizeof(*m));
    onnx__model__init(&m->m);
    onnx__graph__init(&m->g);
    m->m.graph = &m->g;
    model_opset(m, "", opset);
}

static inline void model_free(struct model *m)
{
    arena_free(&m->arena);
}

static inline Onnx__ValueInfo *model_value(struct model *m, const char *name, int type, int rank,
                                           const int64_t *dims)
{
    Onnx__ValueInfo *v = model_new(m, sizeof(*v));
    onnx__value_info__init(v);
    v->name = (char *)name;
    v->type = model_new(m, sizeof(*v->type));
    onnx__type__init(v->type);
    v->type->tensor_type = model_new(m, sizeof(*v->type->tensor_type));
    onnx__tensor_type__init(v->type->tensor_type);
    v->type->tensor_type->has_elem_type = true;
    v->type->tensor_type->elem_type = type;
    v->type->tensor_type->shape = model_new(m, sizeof(Onnx__Shape));
    onnx__shape__init(v->type->tensor_type->shape);
    for (int i = 0; i < rank; i++) {
        Onnx__Dim *d = model_new(m, sizeof(*d));
        onnx__dim__init(d);
        d->has_dim_value = dims[i] >= 0;
        d->dim_value = dims[i];
        if (dims[i] < 0)
            d->dim_param = (char *)"N";
        MODEL_APPEND(m, v->type->tensor_type->shape->dim, v->type->tensor_type->shape->n_dim, d);
    }
    return v;
}

#define DIMS(...)                                                          \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) \
    {                                                                      \
        __VA_ARGS__                                                        \
    }
enum { FLOAT = 1, INT32 = 6, INT64 = 7 };

/* An extent of -1 is symbolic. */
static inline void model_input(struct model *m, const char *name, int type, int rank,
                               const int64_t *dims)
{
    MODEL_APPEND(m, m->g.input, m->g.n_input, model_value(m, name, type, rank, dims));
}

static inline void model_output(struct model *m, const char *name)
{
    Onnx__ValueInfo *v = model_new(m, sizeof(*v));
    onnx__value_info__init(v);
    v->name = (char *)name;
    MODEL_APPEND(m, m->g.output, m->g.n_output, v);
}

static inline Onnx__Tensor *model_tensor(struct model *m, int type, int rank, const int64_t *dims,
                                         const void *data, size_t bytes)
{
    Onnx__Tensor *t = model_new(m, sizeof(*t));
    onnx__tensor__init(t);
    t->n_dims = (size_t)rank;
    t->dims = model_new(m, (size_t)(rank + 1) * sizeof(int64_t));
    if (rank)
        memcpy(t->dims, dims, (size_t)rank * sizeof(int64_t));
    t->has_data_type = true;
    t->data_type = type;
    t->has_raw_data = data != NULL;
    t->raw_data.len = bytes;
    t->raw_data.data = (uint8_t *)data;
    return t;
}

/* The data are borrowed. */
static inline Onnx__Tensor *model_initialiser(struct model *m, const char *name, int type, int rank,
                                              const int64_t *dims, const void *data, size_t bytes)
{
    Onnx__Tensor *t = model_tensor(m, type, rank, dims, data, bytes);
    t->name = (char *)name;
    MODEL_APPEND(m, m->g.initializer, m->g.n_initializer, t);
    return t;
}

/* A list of int64, as the operators take axes and shapes. */
#define model_list(m, name, ...)                                                                  \
    model_initialiser(m, name, INT64, 1,                                                          \
                      (int64_t[]){(int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))}, \
                      (int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}))

/* "a,b" -> the two names. */
static inline void model_names(struct model *m, const char *list, char ***names, size_t *n)
{
    while (list) {
        size_t len = strcspn(list, ",");
        char *s = model_new(m, len + 1);
        memcpy(s, list, len);
        MODEL_APPEND(m, *names, *n, s);
        list = list[len] ? list + len + 1 : NULL;
    }
}

static inline Onnx__Node *model_node(struct model *m, const char *op, const char *in,
                                     const char *out)
{
    Onnx__Node *n = model_new(m, sizeof(*n));
    onnx__node__init(n);
    n->op_type = (char *)op;
    if (*in)
        model_names(m, in, &n->input, &n->n_input);
    model_names(m, out, &n->output, &n->n_output);
    MODEL_APPEND(m, m->g.node, m->g.n_node, n);
    return n;
}

static inline Onnx__Attribute *model_attr(struct model *m, Onnx__Node *n, const char *name)
{
    Onnx__Attribute *a = model_new(m, sizeof(*a));
    onnx__attribute__init(a);
    a->name = (char *)name;
    MODEL_APPEND(m, n->attribute, n->n_attribute, a);
    return a;
}

static inline void model_int(struct model *m, Onnx__Node *n, const char *name, int64_t v)
{
    Onnx__Attribute *a = model_attr(m, n, name);
    a->has_i = true;
    a->i = v;
}

static inline void model_float(struct model *m, Onnx__Node *n, const char *name, float v)
{
    Onnx__Attribute *a = model_attr(m, n, name);
    a->has_f = true;
    a->f = v;
}

static inline void model_ints(struct model *m, Onnx__Node *n, const char *name, int count,
                              const int64_t *v)
{
    Onnx__Attribute *a = model_attr(m, n, name);
    a->n_ints = (size_t)count;
    a->ints = arena_copy(&m->arena, v, (size_t)count * sizeof(*v));
}

static inline void model_word(struct model *m, Onnx__Node *n, const char *name, const char *word)
{
    Onnx__Attribute *a = model_attr(m, n, name);
    a->has_s = true;
    a->s.data = (uint8_t *)word;
    a->s.len = strlen(word);
}

/* The file's bytes, of the arena. */
static inline uint8_t *model_pack(struct model *m, size_t *bytes)
{
    *bytes = onnx__model__get_packed_size(&m->m);
    uint8_t *p = model_new(m, *bytes + 1);
    ck_assert_uint_eq(onnx__model__pack(&m->m, p), *bytes);
    return p;
}

#endif
