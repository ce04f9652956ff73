/* Somebody's own kernel as work for the judge. */
#include <stdlib.h>
#include <string.h>

#include "measure/work.h"
#include "tune/kernel.h"

static int plan(void *user, int c, const struct candidate *k, struct launches *out)
{
    const struct kernel_spec *spec = user;
    int tv[SPACE_PARAMS];
    if (k && !kernel_values(spec, k->setting, tv))
        return fail(OCELLI_ERR_INVALID, "%s: \"%s\" is no setting of it", spec->name, k->setting);
    return kernel_plan(spec, c, k ? tv : NULL, out);
}

static void destroy(void *user)
{
    struct kernel_spec *spec = user;
    kernel_free(&spec);
}

int work_kernel(struct work **out, const char *text, const struct caps *caps)
{
    struct work *w = calloc(1, sizeof(*w));
    struct kernel_spec *spec = NULL;
    int err;
    *out = NULL;
    if (!w)
        return fail_memory();
    TRY(kernel_parse(&spec, text, ".", NULL));
    spec->caps = caps;
    w->plan = plan;
    w->destroy = destroy;
    w->user = spec;
    w->n_cases = spec->n_cases;
    for (int c = 0; c < w->n_cases; c++) {
        struct work_case *k = &w->cases[c];
        struct text t = {0};
        TRY(kernel_buffers(spec, c, k->desc, &k->n_in, &k->n_out, &k->updates, &k->terms));
        text_add(&t, "%s", spec->name);
        for (int i = 0; i < spec->n_sizes; i++)
            text_add(&t, " %s=%lld", spec->size_name[i], (long long)spec->size[c][i]);
        k->text = arena_str(&w->arena, t.s ? t.s : "");
        text_free(&t);
    }
    spec = NULL;
    *out = w;
    w = NULL;
out:
    work_destroy(&w);
    return err;
}
