#include "ops/problem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

int op_inputs(const struct op *op)
{
    int n = 0;
    while (n < OP_MAX_IN && op->in[n])
        n++;
    return n;
}

static int op_outputs(const struct op *op)
{
    int n = 0;
    while (n < OP_MAX_OUT && op->out[n])
        n++;
    return n;
}

static bool is_optional(const char *name)
{
    return name[strlen(name) - 1] == '?';
}

static bool is_named(const char *in, const char *word, size_t len)
{
    size_t n = strlen(in) - is_optional(in);
    return n == len && strncmp(in, word, n) == 0;
}

const struct op *op_find(const char *name)
{
    for (int i = 0; ops[i]; i++)
        if (strcmp(ops[i]->name, name) == 0)
            return ops[i];
    return NULL;
}

/* ---- Inference ---- */

static int check_inputs(const struct problem *p)
{
    const struct op *op = p->op;
    int named = op_inputs(op);
    if (p->n_in < named || p->n_in > named + OP_MAX_EPI)
        return fail(OCELLI_ERR_INVALID, "%s: %d inputs, not %d", op->name, p->n_in, named);
    for (int i = 0; i < p->n_in; i++) {
        const struct ocelli_shape *s = &p->in[i].shape;
        const char *name = i < named ? op->in[i] : "an epilogue input";
        if (s->rank == -1 && i < named && is_optional(name))
            continue;
        if (s->rank == -1)
            return fail(OCELLI_ERR_INVALID, "%s: input %s is missing", op->name, name);
        int err = shape_check(s);
        if (err)
            return fail_in(err, "%s: input %s", op->name, name);
    }
    return 0;
}

static int check_function(const struct op *op, const struct act *a, bool needed)
{
    if (a->kind == 0 && !needed)
        return 0;
    if (!act_info(a->kind))
        return fail(OCELLI_ERR_INVALID, "%s: epilogue: %d is no function", op->name, a->kind);
    return 0;
}

/* Input i of the epilogue must look like `want`. */
static int check_epilogue_input(const struct problem *p, int i, const char *what,
                                const struct desc *want)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (i < 0)
        return 0;
    if (i < op_inputs(p->op) || i >= p->n_in)
        return fail(OCELLI_ERR_INVALID, "%s: epilogue: %s is input %d, which is none of its own",
                    p->op->name, what, i);
    if (!desc_equal(&p->in[i], want))
        return fail(OCELLI_ERR_SHAPE, "%s: epilogue: %s is %s %s, not %s %s", p->op->name, what,
                    dtype_name(p->in[i].dtype), shape_text(&p->in[i].shape, a),
                    dtype_name(want->dtype), shape_text(&want->shape, b));
    return 0;
}

static int check_epilogue(const struct problem *p)
{
    const struct epilogue *e = &p->epi;
    const struct op *op = p->op;
    bool any = e->bias >= 0 || e->residual >= 0 || e->grad_y >= 0 || e->act.kind;
    int err = 0;

    int used = (e->bias >= 0) + (e->residual >= 0) + (e->grad_y >= 0);
    if (p->n_in != op_inputs(op) + used)
        return fail(OCELLI_ERR_INVALID, "%s: %d inputs, not %d", op->name, p->n_in,
                    op_inputs(op) + used);
    if (!any)
        return 0;
    if (!(op->flags & OP_EPILOGUE))
        return fail(OCELLI_ERR_INVALID, "%s takes no epilogue", op->name);
    const struct desc *out = &p->out[0];
    if (e->bias >= 0 && out->shape.rank < 2)
        return fail(OCELLI_ERR_SHAPE, "%s: epilogue: bias needs an output with channels", op->name);
    const struct desc channels = {OCELLI_F32, {1, {out->shape.dim[1]}}};
    TRY(check_function(op, &e->act, false));
    TRY(check_function(op, &e->grad, e->grad_y >= 0));
    TRY(check_epilogue_input(p, e->bias, "bias", &channels));
    TRY(check_epilogue_input(p, e->residual, "residual", out));
    TRY(check_epilogue_input(p, e->grad_y, "grad", out));
out:
    return err;
}

/* The outputs, from inputs and attributes alone. */
static int infer_outputs(struct problem *p)
{
    const struct op *op = p->op;
    int err = 0;

    if (op->attr_size && !p->attr)
        return fail(OCELLI_ERR_INVALID, "%s: no attributes", op->name);
    TRY(check_inputs(p));
    p->n_out = op_outputs(op);
    TRY(op->infer(p));
    for (int k = 0; k < p->n_out; k++) {
        err = shape_check(&p->out[k].shape);
        if (err) {
            err = fail_in(err, "%s: output %s", op->name, op->out[k]);
            goto out;
        }
    }
out:
    return err;
}

int problem_infer(struct problem *p)
{
    int err = infer_outputs(p);
    return err ? err : check_epilogue(p);
}

struct cost problem_cost(const struct problem *p)
{
    struct cost c = {0};
    if (p->op->cost)
        c = p->op->cost(p);
    if (c.flops == 0)
        for (int k = 0; k < p->n_out; k++)
            c.flops += (double)shape_count(&p->out[k].shape);
    if (c.bytes == 0) {
        for (int i = 0; i < p->n_in; i++)
            if (p->in[i].shape.rank >= 0)
                c.bytes += (double)desc_bytes(&p->in[i]) * (p->op->updates >> i & 1 ? 2 : 1);
        for (int k = 0; k < p->n_out; k++)
            c.bytes += (double)desc_bytes(&p->out[k]);
    }
    return c;
}

/* ---- Printing ---- */

static void print_function(const char *key, const struct act *a, struct text *out)
{
    const struct act_info *info = act_info(a->kind);
    if (!info)
        return;
    text_add(out, " %s=%s", key, info->word);
    if (info->params && (a->alpha != 1 || a->beta != 1))
        text_add(out, ",%.9g,%.9g", a->alpha, a->beta);
}

void problem_print(const struct problem *p, struct text *out)
{
    char buf[SHAPE_TEXT];
    const struct op *op = p->op;
    text_add(out, "%s", op->name);
    for (int i = 0; i < op_inputs(op); i++) {
        const struct desc *d = &p->in[i];
        if (d->shape.rank < 0)
            continue;
        text_add(out, " %.*s=%s", (int)strcspn(op->in[i], "?"), op->in[i],
                 shape_text(&d->shape, buf));
        if (d->dtype != OCELLI_F32)
            text_add(out, ":%s", dtype_name(d->dtype));
    }
    attr_print(op, p->attr, out);
    if (p->epi.bias >= 0)
        text_add(out, " bias=%lld", (long long)p->in[p->epi.bias].shape.dim[0]);
    if (p->epi.residual >= 0)
        text_add(out, " residual=1");
    print_function("act", &p->epi.act, out);
    if (p->epi.grad_y >= 0)
        print_function("grad", &p->epi.grad, out);
}

/* ---- Parsing ---- */

/* What the epilogue's words ask for; the inputs' shapes follow from the output. */
struct epilogue_words {
    int64_t bias; /* 0: none */
    bool residual;
    struct act act, grad;
};

static int parse_desc(const struct op *op, const char *key, char *value, struct desc *d)
{
    char *colon = strchr(value, ':');
    d->dtype = OCELLI_F32;
    if (colon) {
        *colon = '\0';
        int t = OCELLI_BOOL;
        while (t >= 0 && strcmp(dtype_name((enum ocelli_dtype)t), colon + 1) != 0)
            t--;
        if (t < 0)
            return fail(OCELLI_ERR_INVALID, "%s: %s: \"%s\" is no element type", op->name, key,
                        colon + 1);
        d->dtype = (enum ocelli_dtype)t;
    }
    if (!shape_parse(value, &d->shape))
        return fail(OCELLI_ERR_INVALID, "%s: %s: \"%s\" is no shape", op->name, key, value);
    return 0;
}

/* "relu", or "tanh,1.7159,0.6667" with alpha and beta. */
static int parse_function(const struct op *op, const char *key, char *value, struct act *a)
{
    double v[2] = {1, 1};
    char *comma = strchr(value, ',');
    if (comma)
        *comma = '\0';
    *a = (struct act){act_kind(value), 1, 1};
    if (a->kind == 0)
        return fail(OCELLI_ERR_INVALID, "%s: %s: \"%s\" is no function", op->name, key, value);
    if (comma && (act_info(a->kind)->params == 0 || parse_numbers(comma + 1, v, 2) != 2))
        return fail(OCELLI_ERR_INVALID, "%s: %s: \"%s\" are no parameters of %s", op->name, key,
                    comma + 1, value);
    a->alpha = (float)v[0];
    a->beta = (float)v[1];
    return 0;
}

/* 1: it was a word of the epilogue, 0: it was not. */
static int parse_epilogue(const struct op *op, const char *key, char *value,
                          struct epilogue_words *e)
{
    char *end;
    int err;
    if (strcmp(key, "act") == 0 || strcmp(key, "grad") == 0) {
        err = parse_function(op, key, value, key[0] == 'a' ? &e->act : &e->grad);
        return err ? err : 1;
    }
    if (strcmp(key, "bias") != 0 && strcmp(key, "residual") != 0)
        return 0;
    long long n = strtoll(value, &end, 10);
    if (end == value || *end || n < 1 || n > INT_MAX || (key[0] == 'r' && n != 1))
        return fail(OCELLI_ERR_INVALID, "%s: \"%s\" is no value for %s", op->name, value, key);
    if (key[0] == 'b')
        e->bias = n;
    else
        e->residual = true;
    return 1;
}

static int parse_word(struct problem *p, void *attr, struct epilogue_words *e, char *word)
{
    const struct op *op = p->op;
    char *eq = strchr(word, '=');
    if (!eq || eq == word)
        return fail(OCELLI_ERR_INVALID, "%s: \"%s\" is not key=value", op->name, word);
    *eq = '\0';
    for (int i = 0; i < op_inputs(op); i++) {
        if (!is_named(op->in[i], word, strlen(word)))
            continue;
        if (p->in[i].shape.rank != -1)
            return fail(OCELLI_ERR_INVALID, "%s: %s is there twice", op->name, word);
        return parse_desc(op, word, eq + 1, &p->in[i]);
    }
    for (const struct attr *a = op->attrs; a && a->name; a++)
        if (strcmp(a->name, word) == 0)
            return attr_parse(op, attr, word, eq + 1);
    int is = parse_epilogue(op, word, eq + 1, e);
    if (is == 0)
        return fail(OCELLI_ERR_INVALID, "%s: there is no \"%s\"", op->name, word);
    return is < 0 ? is : 0;
}

/* Gives the epilogue's inputs their numbers and shapes; the outputs are known. */
static void attach_epilogue(struct problem *p, const struct epilogue_words *e)
{
    if (e->bias) {
        p->in[p->n_in] = (struct desc){OCELLI_F32, {1, {e->bias}}};
        p->epi.bias = p->n_in++;
    }
    if (e->residual) {
        p->in[p->n_in] = p->out[0];
        p->epi.residual = p->n_in++;
    }
    p->epi.act = e->act;
    if (e->grad.kind) {
        p->in[p->n_in] = p->out[0];
        p->epi.grad_y = p->n_in++;
        p->epi.grad = e->grad;
    }
}

int problem_parse(const char *s, struct problem *p, void *attr)
{
    struct epilogue_words e = {0};
    char *copy = strdup(s), *save = NULL;
    int err = 0;

    *p = (struct problem){.epi = no_epilogue};
    if (!copy)
        return fail_memory();
    char *word = strtok_r(copy, " \t\r\n", &save);
    p->op = word ? op_find(word) : NULL;
    if (!p->op) {
        err = fail(OCELLI_ERR_INVALID, "\"%s\" is no operation", word ? word : "");
        goto out;
    }
    if (p->op->attr_size > PROBLEM_ATTR_BYTES) {
        err =
            fail(OCELLI_ERR_INVALID, "%s: attributes of %zu bytes", p->op->name, p->op->attr_size);
        goto out;
    }
    memset(attr, 0, p->op->attr_size);
    p->attr = attr;
    p->n_in = op_inputs(p->op);
    for (int i = 0; i < p->n_in; i++)
        p->in[i].shape.rank = -1;
    while ((word = strtok_r(NULL, " \t\r\n", &save)))
        TRY(parse_word(p, attr, &e, word));
    TRY(attr_defaults(p->op, attr));
    TRY(infer_outputs(p));
    attach_epilogue(p, &e);
    TRY(check_epilogue(p));
out:
    free(copy);
    return err;
}
