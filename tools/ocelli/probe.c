/* Does each family of operations compute right on this device? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

/* Times the largest result expected: kernels that are wrong miss it by far. */
#define TOLERANCE 1e-4

static size_t count(const struct ocelli_shape *s)
{
    size_t n = 1;

    for (int i = 0; i < s->rank; i++)
        n *= (size_t)s->dim[i];
    return n;
}

ocelli_value probe_input(struct probe *p, struct ocelli_shape shape, float **data)
{
    struct host *h = &p->in[p->n_in];

    snprintf(h->name, sizeof(h->name), "in%d", p->n_in);
    h->n = count(&shape);
    h->f = calloc(h->n, sizeof(*h->f));
    *data = h->f;
    if (!h->f) {
        p->err = OCELLI_ERR_MEMORY;
        return OCELLI_NONE;
    }
    for (size_t i = 0; i < h->n; i++)
        h->f[i] = (float)((int)((i * 7 + (size_t)p->n_in * 3 + i * i % 11) % 17) - 8) * 0.25f;
    p->n_in++;
    return ocelli_input(p->g, h->name, OCELLI_F32, &shape);
}

ocelli_value probe_labels(struct probe *p, int n, int classes, int32_t **data)
{
    struct host *h = &p->in[p->n_in];

    snprintf(h->name, sizeof(h->name), "in%d", p->n_in);
    h->dtype = OCELLI_I32;
    h->n = (size_t)n;
    h->i = calloc(h->n, sizeof(*h->i));
    *data = h->i;
    if (!h->i) {
        p->err = OCELLI_ERR_MEMORY;
        return OCELLI_NONE;
    }
    for (int i = 0; i < n; i++)
        h->i[i] = (i * 5 + 1) % classes;
    p->n_in++;
    return ocelli_input(p->g, h->name, OCELLI_I32, &OCELLI_SHAPE(n));
}

double *probe_expect(struct probe *p, size_t n, const char *name, bool weight)
{
    struct host *h = &p->out[p->n_out++];

    snprintf(h->name, sizeof(h->name), "%s", name);
    h->weight = weight;
    h->n = n;
    h->want = calloc(n, sizeof(*h->want));
    if (!h->want)
        p->err = OCELLI_ERR_MEMORY;
    return h->want;
}

double *probe_output(struct probe *p, ocelli_value v)
{
    struct ocelli_shape s = ocelli_value_shape(p->g, v);
    char name[16];

    if (s.rank < 0 || p->err)
        return NULL;
    snprintf(name, sizeof(name), "out%d", p->n_out);
    ocelli_output(p->g, name, v);
    return probe_expect(p, count(&s), name, false);
}

/* ---- Running ---- */

int probe_count(void)
{
    int n = 0;

    while (probes[n].name)
        n++;
    return n;
}

/* Largest deviation in units of the tolerance; infinite where something is no number, or all of it
 * is 0. */
static double deviation(const struct host *h, const float *got)
{
    double scale = 0, worst = 0;

    for (size_t i = 0; i < h->n; i++)
        scale = fmax(scale, fabs(h->want[i]));
    if (scale == 0)
        return INFINITY;
    for (size_t i = 0; i < h->n; i++) {
        double d = fabs(got[i] - h->want[i]) / (TOLERANCE * scale);

        if (!(d <= worst))
            worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

static int write_inputs(struct probe *p, struct ocelli_plan *plan)
{
    for (int i = 0; i < p->n_in; i++) {
        const struct host *h = &p->in[i];
        struct ocelli_tensor *t = ocelli_plan_tensor(plan, h->name);
        int err;

        /* What no output depends on needs no memory. */
        if (!t)
            continue;
        err = ocelli_tensor_write(t, h->f ? (const void *)h->f : h->i, h->n * sizeof(float));
        if (err)
            return err;
    }
    return 0;
}

/* Runs the graph with one choice of kernels, reference ones one by one. *worst: as deviation(). */
static int run_with(struct probe *p, struct ocelli_device *dev, const char *variant, double *worst)
{
    struct ocelli_weights *w = NULL;
    struct ocelli_plan *plan = NULL;
    float *got = NULL;
    int err;

    *worst = 0;
    if ((err = ocelli_weights_create(&w, dev, p->g, 1)) != 0 ||
        (err = ocelli_plan_create(&plan, dev, p->g,
                                  &(struct ocelli_plan_params){.weights = w,
                                                               .variant = variant,
                                                               .no_fusion = variant != NULL})) != 0)
        goto out;
    for (int r = 0; r < p->runs; r++)
        if ((err = write_inputs(p, plan)) != 0 || (err = ocelli_plan_run(plan)) != 0)
            goto out;
    for (int i = 0; i < p->n_out; i++) {
        const struct host *h = &p->out[i];
        struct ocelli_tensor *t =
            h->weight ? ocelli_weights_tensor(w, h->name) : ocelli_plan_tensor(plan, h->name);

        free(got);
        if (!(got = malloc(h->n * sizeof(*got)))) {
            err = OCELLI_ERR_MEMORY;
            goto out;
        }
        if ((err = ocelli_tensor_read(t, got, h->n * sizeof(*got))) != 0)
            goto out;
        *worst = fmax(*worst, deviation(h, got));
    }
out:
    free(got);
    ocelli_plan_destroy(&plan);
    ocelli_weights_destroy(&w);
    return err;
}

static void compare(struct probe *p, struct ocelli_device *dev, struct probe_result *r)
{
    double chosen, reference;
    int err = p->err ? p->err : ocelli_graph_status(p->g);

    if (err == 0)
        err = run_with(p, dev, NULL, &chosen);
    if (err == 0)
        err = run_with(p, dev, "ref", &reference);
    if (err) {
        snprintf(r->detail, sizeof(r->detail), "%s",
                 *ocelli_error() ? ocelli_error() : ocelli_strerror(err));
        return;
    }
    r->ok = chosen <= 1 && reference <= 1;
    snprintf(r->detail, sizeof(r->detail),
             "%s: deviates by %.2g of what is allowed, with reference kernels by %.2g",
             r->ok ? "right" : "WRONG", chosen, reference);
}

void probe_run(struct ocelli_device *dev, int i, struct probe_result *r)
{
    struct probe p = {.runs = 1};

    *r = (struct probe_result){.name = probes[i].name};
    p.err = ocelli_graph_create(&p.g);
    if (p.err == 0)
        probes[i].build(&p);
    compare(&p, dev, r);
    for (int k = 0; k < MAX_INPUTS; k++) {
        free(p.in[k].f);
        free(p.in[k].i);
    }
    for (int k = 0; k < MAX_OUTPUTS; k++)
        free(p.out[k].want);
    ocelli_graph_destroy(&p.g);
}
