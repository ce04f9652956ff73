/* What a run is, and everything that it needs: graphs, weights, plans, loaders. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ocelli/preprocess.h>

#include "base/err.h"
#include "base/file.h"
#include "data/dataset.h"
#include "train/run.h"

#define EPOCHS 5
#define BATCH 64
#define LR 0.05f
#define MAX_EPOCHS 1000000
#define MAX_LANES 64

static const char *const optimizers[] = {"sgd", "nesterov", "rmsprop", "adagrad", "adam"};

/* ---- What is asked for ---- */

static int check_parts(struct run *r)
{
    const struct ocelli_train_params *p = &r->p;
    if (p->n_more < 0 || p->n_more >= MAX_LANES || p->accumulate < 1)
        return fail(OCELLI_ERR_INVALID, "train: %d parts, %d devices: out of range", p->accumulate,
                    p->n_more + 1);
    r->lanes = p->n_more + 1;
    if (p->accumulate > p->batch || p->batch % (p->accumulate * r->lanes) != 0)
        return fail(
            OCELLI_ERR_INVALID,
            "train: a batch of %d is not to be divided into %d parts for each of %d devices",
            p->batch, p->accumulate, r->lanes);
    if (p->log_gradients && !p->out_dir)
        return fail(OCELLI_ERR_INVALID, "train: gradients are logged in the directory of the run");
    return 0;
}

static int check_params(struct run *r, const struct ocelli_train_params *params)
{
    struct ocelli_train_params *p = &r->p;
    *p = *params;
    p->epochs = p->epochs ? p->epochs : EPOCHS;
    p->batch = p->batch ? p->batch : BATCH;
    p->lr = p->lr != 0 ? p->lr : LR;
    p->accumulate = p->accumulate ? p->accumulate : 1;
    if (p->epochs < 1 || p->epochs > MAX_EPOCHS || p->batch < 1 || p->steps < 0 ||
        p->checkpoint_steps < 0 || p->warmup < 0)
        return fail(OCELLI_ERR_INVALID,
                    "train: %d epochs, batch %d, %" PRId64 " steps: out of range", p->epochs,
                    p->batch, p->steps);
    if (!isfinite(p->lr) || p->lr < 0 || !schedule_name(p->schedule) ||
        (unsigned)p->optimizer.kind >= COUNT(optimizers))
        return fail(OCELLI_ERR_INVALID,
                    "train: learning rate %g, schedule %d, optimizer %d: no such thing",
                    (double)p->lr, (int)p->schedule, (int)p->optimizer.kind);
    if (!(p->smoothing >= 0 && p->smoothing < 1))
        return fail(OCELLI_ERR_INVALID, "train: label smoothing %g is not in [0, 1)",
                    (double)p->smoothing);
    if (p->resume && !p->out_dir)
        return fail(OCELLI_ERR_INVALID, "train: to resume, the directory of the run must be given");
    int err = check_parts(r);
    if (err)
        return err;
    const struct ocelli_dataset_info *in = ocelli_dataset_get_info(r->train);
    r->net = (struct ocelli_net_params){.batch = p->batch / (p->accumulate * r->lanes),
                                        .channels = in->channels,
                                        .height = in->height,
                                        .width = in->width,
                                        .classes = in->classes,
                                        .init = p->init};
    r->epoch_steps = loader_steps(r->train, p->batch, true);
    r->all_steps = r->epoch_steps * p->epochs;
    r->schedule = (struct schedule){p->schedule, p->lr, r->all_steps, p->warmup};
    if (r->epoch_steps < 1)
        return fail(OCELLI_ERR_INVALID,
                    "train: %s has %" PRId64 " images, fewer than a batch of %d", in->name,
                    in->count, p->batch);
    return 0;
}

static int add_data(struct pairs *w, const char *key, const struct ocelli_dataset *ds)
{
    char hex[DATASET_HASH];
    int err = dataset_hash(ds, hex);
    if (!err)
        pairs_add(w, key, "%s, %" PRId64 " images, %s", ds->info.name, ds->info.count, hex);
    return err;
}

/* As the loader does it: a folder's pictures cover the size that they are kept at, of which the
 * middle is taken. */
static void describe_images(struct run *r)
{
    const struct ocelli_dataset *ds = r->train;
    const struct ocelli_preprocess_params p = {.channels = ds->info.channels,
                                               .resize = {ds->height, ds->width},
                                               .keep_ratio = ds->folder != NULL,
                                               .crop = {ds->info.height, ds->info.width},
                                               .scale = 1 / 255.0f};
    ocelli_preprocess_print(&p, r->preprocess, sizeof(r->preprocess));
    pairs_add(&r->words, "preprocess", "%s", r->preprocess);
}

/* Epochs matter to what a run computes only through a schedule that depends on them: a run with a
 * constant learning rate can be made longer. */
static int describe(struct run *r)
{
    int err = 0;
    struct pairs *w = &r->words;
    const struct ocelli_train_params *p = &r->p;
    pairs_add(w, "net", "%s", p->net);
    pairs_add(w, "channels", "%d", r->net.channels);
    pairs_add(w, "height", "%d", r->net.height);
    pairs_add(w, "width", "%d", r->net.width);
    pairs_add(w, "classes", "%d", r->net.classes);
    pairs_add(w, "init", "%d", (int)p->init);
    pairs_add(w, "batch", "%d", p->batch);
    pairs_add(w, "seed", "%" PRIu64, p->seed);
    pairs_add(w, "optimizer", "%s", optimizers[p->optimizer.kind]);
    pairs_add(w, "momentum", "%.9g", (double)p->optimizer.momentum);
    pairs_add(w, "weight_decay", "%.9g", (double)p->optimizer.weight_decay);
    pairs_add(w, "decoupled", "%d", p->optimizer.decoupled);
    if (p->optimizer.kind >= OCELLI_RMSPROP)
        pairs_add(w, "adaptive", "%.9g %.9g", (double)p->optimizer.decay,
                  (double)p->optimizer.epsilon);
    pairs_add(w, "clip", "%.9g %.9g", (double)p->optimizer.clip_value,
              (double)p->optimizer.clip_norm);
    pairs_add(w, "smoothing", "%.9g", (double)p->smoothing);
    pairs_add(w, "parts", "%d on %d", p->accumulate, r->lanes);
    pairs_add(w, "augment", "%d %d %.9g", p->augment.flip, p->augment.crop,
              (double)p->augment.color);
    pairs_add(w, "lr", "%.9g", (double)p->lr);
    pairs_add(w, "schedule", "%s", schedule_name(p->schedule));
    pairs_add(w, "warmup", "%" PRId64, p->warmup);
    if (p->schedule == OCELLI_CONSTANT)
        pairs_add(w, "schedule_epochs", "any");
    else
        pairs_add(w, "schedule_epochs", "%d", p->epochs);
    describe_images(r);
    TRY(add_data(w, "data", r->train));
    if (r->test)
        TRY(add_data(w, "test_data", r->test));
    else
        pairs_add(w, "test_data", "none");
    TRY(w->err);
out:
    return err;
}

static int name_files(struct run *r)
{
    const struct {
        char **path;
        const char *file;
    } files[] = {{&r->checkpoint, "checkpoint"},    {&r->model, "model.onnx"},
                 {&r->best, "best.onnx"},
                 {&r->metrics, "metrics.csv"},      {&r->curves, "curves.svg"},
                 {&r->labels, "labels.txt"},        {&r->norms, "gradients.csv"},
                 {&r->norm_curves, "gradients.svg"}};
    if (!r->p.out_dir)
        return 0;
    for (size_t i = 0; i < COUNT(files); i++) {
        *files[i].path = arena_printf(&r->arena, "%s/%s", r->p.out_dir, files[i].file);
        if (!*files[i].path)
            return OCELLI_ERR_MEMORY;
    }
    r->title =
        arena_printf(&r->arena, "%s on %s", r->p.net, ocelli_dataset_get_info(r->train)->name);
    return r->title ? 0 : OCELLI_ERR_MEMORY;
}

/* Opens the checkpoint to go on from; NULL when there is none. */
static int open_checkpoint(struct run *r, struct safetensors **st)
{
    int err = 0;
    *st = NULL;
    if (!r->p.resume || (access(r->checkpoint, F_OK) != 0 && errno == ENOENT))
        return 0;
    TRY(checkpoint_open(st, r->checkpoint));
    TRY(checkpoint_same_run(*st, r->checkpoint, &r->words));
    TRY(checkpoint_position(*st, r->checkpoint, &r->at));
    if (r->at.step > r->epoch_steps || (r->at.history.n >= r->p.epochs && r->at.step > 0)) {
        err = fail(OCELLI_ERR_FORMAT,
                   "%s: stands at epoch %d, step %" PRId64 ", beyond this run's end", r->checkpoint,
                   r->at.history.n + 1, r->at.step);
        goto out;
    }
    metrics_read_seconds(r->metrics, &r->at.history);
    r->resumed = true;
out:
    return err;
}

/* ---- Graphs, weights, plans ---- */

static bool in_parts(const struct run *r)
{
    return r->lanes > 1 || r->p.accumulate > 1;
}

static int build_graphs(struct run *r)
{
    int err = 0;
    struct ocelli_net_params net = r->net;
    struct ocelli_optimizer_params optimizer = r->p.optimizer;
    net.training = true;
    net.seed = (int)(r->p.seed & 0xffffff); /* room for the number of the layer */
    optimizer.log_norms = r->p.log_gradients;
    for (int d = 0; d < r->lanes; d++) {
        struct lane *l = &r->lane[d];
        TRY(ocelli_net(&l->graph, r->p.net, &net));
        ocelli_value loss = ocelli_net_loss_smoothed(l->graph, r->p.smoothing);
        if (in_parts(r))
            TRY(ocelli_optimize_part(l->graph, loss,
                                     &(struct ocelli_part){r->p.accumulate, r->lanes, d}));
        else
            TRY(ocelli_optimize(l->graph, loss, &optimizer));
        TRY(ocelli_graph_status(l->graph));
        TRY(ocelli_weights_create(&l->weights, l->dev, l->graph, r->p.seed));
    }
    if (in_parts(r)) {
        TRY(ocelli_optimize_update(&r->update_graph, r->lane[0].graph, &optimizer));
        TRY(ocelli_weights_extend(r->lane[0].weights, r->update_graph, r->p.seed));
    }
out:
    return err;
}

static int evaluator(struct run *r)
{
    struct ocelli_eval_params p = {.variant = r->p.variant};
    if (!r->test)
        return 0;
    if (r->p.memory_cap) /* no more than a step of training takes */
        p.batch = r->net.batch;
    return evaluator_init(&r->eval, r->lane[0].dev, r->p.net, &r->net, r->lane[0].weights, r->test,
                          &p, 0);
}

/* What a plan of g counts as its weights, though they are there already. */
static uint64_t weight_bytes(const struct lane *l)
{
    uint64_t sum = 0;
    for (int i = 0; i < ocelli_weights_count(l->weights); i++) {
        const char *name = ocelli_weights_name(l->weights, i);
        if (ocelli_find(l->graph, name) != OCELLI_NONE)
            sum += ocelli_tensor_bytes(ocelli_weights_tensor(l->weights, name));
    }
    return sum;
}

static uint64_t allocated(struct ocelli_device *dev)
{
    struct ocelli_device_stats s;
    ocelli_device_get_stats(dev, &s);
    return s.bytes_allocated;
}

/* Everything else is there: what is left of the cap is the steps'. */
static int build_plans(struct run *r, const struct feed_params *feed, const uint64_t *before)
{
    int err = 0;
    for (int d = 0; d < r->lanes; d++) {
        struct lane *l = &r->lane[d];
        struct ocelli_plan_params q = {
            .weights = l->weights, .variant = r->p.variant, .memory_cap = r->p.memory_cap};
        q.memory_beside = allocated(l->dev) - before[d] - weight_bytes(l) +
                          feed_bytes(l->graph, r->update_graph, feed);
        TRY(ocelli_plan_create(&l->plan, l->dev, l->graph, &q));
    }
out:
    return err;
}

static int build_feed(struct run *r, const uint64_t *before)
{
    static const char *const outputs[OUTPUTS] = {[OUT_LOSS] = "loss", [OUT_CORRECT] = "correct"};
    const char *with_norms[] = {outputs[0], outputs[1], "gradient_norms"};
    struct ocelli_device *dev[MAX_LANES];
    struct ocelli_plan *plan[MAX_LANES];
    int err = 0;
    bool norms = r->p.log_gradients;
    struct feed_params p = {.dev = dev,
                            .plan = plan,
                            .lanes = r->lanes,
                            .outputs = with_norms,
                            .n_outputs = OUTPUTS + (norms && !in_parts(r)),
                            .has_lr = true,
                            .after = r->p.accumulate,
                            .user = &r->exchange};
    if (in_parts(r)) {
        TRY(ocelli_plan_create(
            &r->update, r->lane[0].dev, r->update_graph,
            &(struct ocelli_plan_params){.weights = r->lane[0].weights, .variant = r->p.variant}));
        p.update = r->update;
        p.update_output = norms ? "gradient_norms" : NULL;
    }
    if (r->lanes > 1) {
        p.gather = exchange_gather;
        p.scatter = exchange_scatter;
    }
    TRY(build_plans(r, &p, before));
    for (int d = 0; d < r->lanes; d++) {
        dev[d] = r->lane[d].dev;
        plan[d] = r->lane[d].plan;
    }
    TRY(feed_init(&r->feed, &p));
out:
    return err;
}

static int build(struct run *r)
{
    int err = 0;
    struct safetensors *st = NULL;
    struct ocelli_weights *weights[MAX_LANES];
    uint64_t before[MAX_LANES];
    TRY(open_checkpoint(r, &st));
    for (int d = 0; d < r->lanes; d++)
        before[d] = allocated(r->lane[d].dev);
    TRY(build_graphs(r));
    if (st)
        TRY(checkpoint_weights(st, r->checkpoint, r->lane[0].weights));
    for (int d = 0; d < r->lanes; d++)
        weights[d] = r->lane[d].weights;
    if (r->lanes > 1) {
        TRY(exchange_init(&r->exchange, r->lane[0].graph, weights, r->lanes));
        TRY(exchange_copy(&r->exchange));
    }
    if (r->p.log_gradients)
        TRY(gradlog_init(&r->gradients, in_parts(r) ? r->update_graph : r->lane[0].graph));
    TRY(evaluator(r));
    TRY(build_feed(r, before));
    TRY(loader_create(&r->feed.loader, r->train,
                      &(struct loader_params){.batch = r->net.batch * r->lanes,
                                              .group = r->p.accumulate,
                                              .shuffle = true,
                                              .seed = r->p.seed,
                                              .augment = r->p.augment,
                                              .epoch = r->at.history.n,
                                              .step = r->at.step * r->p.accumulate}));
out:
    safetensors_close(&st);
    return err;
}

int run_setup(struct run *r, struct ocelli_device *dev, const struct ocelli_train_params *p)
{
    int err = 0;
    TRY(check_params(r, p));
    r->lane = calloc((size_t)r->lanes, sizeof(*r->lane));
    if (!r->lane)
        TRY(fail_memory());
    for (int d = 0; d < r->lanes; d++)
        r->lane[d].dev = d ? p->more[d - 1] : dev;
    TRY(describe(r));
    TRY(name_files(r));
    if (p->out_dir)
        TRY(dir_create(p->out_dir, 0777));
    TRY(build(r));
    TRY(run_first_files(r));
out:
    return err;
}

void run_free(struct run *r)
{
    feed_cancel(&r->feed);
    loader_destroy(&r->feed.loader);
    feed_finish(&r->feed);
    exchange_finish(&r->exchange);
    evaluator_finish(&r->eval);
    ocelli_plan_destroy(&r->update);
    ocelli_graph_destroy(&r->update_graph);
    for (int d = 0; r->lane && d < r->lanes; d++) {
        ocelli_plan_destroy(&r->lane[d].plan);
        ocelli_weights_destroy(&r->lane[d].weights);
        ocelli_graph_destroy(&r->lane[d].graph);
    }
    free(r->lane);
    gradlog_free(&r->gradients);
    history_free(&r->at.history);
    pairs_free(&r->words);
    arena_free(&r->arena);
}
