#include "train/eval.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ocelli/ops.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "train/checkpoint.h"

#define BATCH 500      /* of images of.. */
#define IMAGE (3 * 32 * 32) /* ..so many values; fewer of larger ones */
#define TOP 5

enum { OUT_LOSS, OUT_CORRECT };

int images_fit(const struct ocelli_dataset *data, const char *net,
               const struct ocelli_net_params *p)
{
    const struct ocelli_dataset_info *in = ocelli_dataset_get_info(data);
    if (in->channels != p->channels || in->height != p->height || in->width != p->width)
        return fail(OCELLI_ERR_SHAPE, "%s takes images of %dx%dx%d, those of %s are %dx%dx%d", net,
                    p->channels, p->height, p->width, in->name, in->channels, in->height,
                    in->width);
    if (in->classes > p->classes)
        return fail(OCELLI_ERR_SHAPE, "%s has %d classes, %s has %d", net, p->classes, in->name,
                    in->classes);
    return 0;
}

int evaluator_init(struct evaluator *e, struct ocelli_device *dev, const char *net,
                   const struct ocelli_net_params *np, struct ocelli_weights *w,
                   const struct ocelli_dataset *data, const struct ocelli_eval_params *p, int top)
{
    int err = 0, n = OUT_CORRECT + 1;
    const char *outputs[FEED_OUTPUTS] = {[OUT_LOSS] = "loss", [OUT_CORRECT] = "correct"};
    struct ocelli_net_params params = *np;
    *e = (struct evaluator){.data = data, .classes = np->classes, .out_top = -1, .out_logits = -1};
    TRY(images_fit(data, net, np));
    int64_t image = (int64_t)np->channels * np->height * np->width;
    int64_t usual = MIN(MAX(BATCH * (int64_t)IMAGE / image, 1), BATCH);
    e->batch = (int)MIN(p->batch ? (int64_t)p->batch : usual, ocelli_dataset_get_info(data)->count);
    params.batch = e->batch;
    TRY(ocelli_net(&e->graph, net, &params));
    (void)ocelli_net_loss(e->graph);
    if (top > 0) {
        ocelli_value hit = ocelli_in_top_k(e->graph, ocelli_find(e->graph, "logits"),
                                           ocelli_find(e->graph, "labels"),
                                           &(struct ocelli_in_top_k_params){MIN(top, np->classes)});
        ocelli_output(e->graph, "top", hit);
        e->out_top = n;
        outputs[n++] = "top";
    }
    if (p->prediction) {
        e->out_logits = n;
        outputs[n++] = "logits";
    }
    TRY(ocelli_graph_status(e->graph));
    TRY(ocelli_plan_create(&e->plan, dev, e->graph,
                           &(struct ocelli_plan_params){
                               .weights = w, .variant = p->variant, .storage = p->storage}));
    TRY(feed_init(&e->feed, &(struct feed_params){.dev = &dev, .plan = &e->plan, .lanes = 1,
                                                 .outputs = outputs, .n_outputs = n}));
out:
    if (err)
        evaluator_finish(e);
    return err;
}

void evaluator_finish(struct evaluator *e)
{
    feed_finish(&e->feed);
    ocelli_plan_destroy(&e->plan);
    ocelli_graph_destroy(&e->graph);
}

/* The class of the largest logit, the lowest of equals; a NaN never wins. */
static int largest(const float *x, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best] || (x[best] != x[best] && x[i] == x[i]))
            best = i;
    return best;
}

static void count(const struct evaluator *e, const struct feed_step *s, const struct batch *b,
                  struct ocelli_eval_result *r)
{
    for (int i = 0; i < b->count; i++) {
        if (s->labels[i] < 0)
            continue;
        r->count++;
        r->loss += s->out[OUT_LOSS][i];
        r->accuracy += s->out[OUT_CORRECT][i];
        if (e->out_top >= 0)
            r->top_k += s->out[e->out_top][i];
    }
}

static void predict(const struct evaluator *e, const struct feed_step *s, const struct batch *b,
                    int64_t first, const struct ocelli_eval_params *p)
{
    for (int i = 0; i < b->count; i++)
        if (s->labels[i] >= 0)
            p->prediction(
                p->user, first + i, s->labels[i],
                largest(s->out[e->out_logits] + (size_t)i * (size_t)e->classes, e->classes));
}

int evaluator_run(struct evaluator *e, const struct ocelli_eval_params *p,
                  struct ocelli_eval_result *result)
{
    int err = 0;
    bool more = true;
    double start = clock_seconds();
    int64_t total = ocelli_dataset_get_info(e->data)->count, done = 0;
    struct ocelli_eval_result r = {0};
    TRY(loader_create(&e->feed.loader, e->data, &(struct loader_params){.batch = e->batch}));
    while (more || !feed_empty(&e->feed)) {
        const struct feed_step *s;
        struct batch b;
        if (more && !feed_full(&e->feed)) {
            TRY(feed_give(&e->feed, 0, &more));
            continue;
        }
        TRY(feed_take(&e->feed, &s, &b));
        count(e, s, &b, &r);
        if (e->out_logits >= 0)
            predict(e, s, &b, done, p);
        done += b.count;
        if (p->progress && p->progress(p->user, done, total) != 0) {
            err = fail(OCELLI_ERR_CANCELLED,
                       "testing: stopped after %" PRId64 " of %" PRId64 " images", done, total);
            goto out;
        }
    }
    if (r.count == 0)
        TRY(fail(OCELLI_ERR_FORMAT, "testing: none of the %" PRId64 " images can be read", total));
    r.loss /= (double)r.count;
    r.accuracy /= (double)r.count;
    r.top_k /= (double)r.count;
    r.seconds = clock_seconds() - start;
    *result = r;
out:
    if (err)
        feed_cancel(&e->feed);
    loader_destroy(&e->feed.loader);
    return err;
}

int ocelli_eval(struct ocelli_device *dev, const struct ocelli_trained *net,
                struct ocelli_weights *w, const struct ocelli_dataset *data,
                const struct ocelli_eval_params *params, struct ocelli_eval_result *result)
{
    int err = 0;
    struct evaluator e = {0};
    struct ocelli_eval_params p = params ? *params : (struct ocelli_eval_params){0};
    if (p.batch < 0 || p.top < 0)
        return fail(OCELLI_ERR_INVALID, "eval: batch %d, top %d: below 0", p.batch, p.top);
    TRY(evaluator_init(&e, dev, net->net, &net->params, w, data, &p, p.top ? p.top : TOP));
    TRY(evaluator_run(&e, &p, result));
out:
    evaluator_finish(&e);
    return err;
}

static int open_in(struct safetensors **st, const char *dir, char **path)
{
    struct text t = {0};
    text_add(&t, "%s/checkpoint", dir);
    *path = t.s;
    return t.failed ? fail_memory() : checkpoint_open(st, t.s);
}

int ocelli_trained_read(const char *dir, struct ocelli_trained *out)
{
    int err = 0;
    struct safetensors *st = NULL;
    char *path = NULL;
    const char *net, *words;
    struct ocelli_trained t = {0};
    const struct {
        const char *key;
        int *value;
    } fields[] = {
        {"channels", &t.params.channels},
        {"height", &t.params.height},
        {"width", &t.params.width},
        {"classes", &t.params.classes},
    };
    TRY(open_in(&st, dir, &path));
    TRY(checkpoint_word(st, path, "net", &net));
    if (strlen(net) >= sizeof(t.net)) {
        err = fail(OCELLI_ERR_FORMAT, "%s: \"net\" is too long", path);
        goto out;
    }
    strcpy(t.net, net);
    words = safetensors_meta(st, "preprocess");
    snprintf(t.preprocess, sizeof(t.preprocess), "%s", words ? words : "");
    for (size_t i = 0; i < COUNT(fields); i++) {
        int64_t v;
        TRY(checkpoint_number(st, path, fields[i].key, 1, 1 << 20, &v));
        *fields[i].value = (int)v;
    }
    *out = t;
out:
    safetensors_close(&st);
    free(path);
    return err;
}

int ocelli_trained_load(const char *dir, struct ocelli_weights *w)
{
    int err = 0;
    struct safetensors *st = NULL;
    char *path = NULL;
    TRY(open_in(&st, dir, &path));
    TRY(checkpoint_weights(st, path, w));
out:
    safetensors_close(&st);
    free(path);
    return err;
}
