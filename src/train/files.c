/* The files of a training directory. */
#include <math.h>

#include <ocelli/onnx.h>

#include "base/err.h"
#include "base/file.h"
#include "train/run.h"

/* The network as it predicts, with a batch that is left open. */
static int write_model(struct run *r, const char *path)
{
    int err;
    struct ocelli_graph *g = NULL;
    struct ocelli_net_params net = r->net;
    net.batch = 1;
    TRY(ocelli_net(&g, r->p.net, &net));
    ocelli_graph_set_preprocess(g, r->preprocess);
    TRY(ocelli_onnx_save(g, r->lane[0].weights, path, "N"));
out:
    ocelli_graph_destroy(&g);
    return err;
}

int run_save(struct run *r)
{
    int err = 0;
    if (!r->checkpoint)
        return 0;
    if (r->p.log_gradients)
        TRY(gradlog_flush(&r->gradients, r->norms));
    TRY(checkpoint_save(r->checkpoint, &r->words, &r->at, r->lane[0].weights));
    TRY(write_model(r, r->model));
out:
    return err;
}

static bool best_so_far(const struct history *h)
{
    for (int i = 0; i < h->n - 1; i++)
        if (h->row[i].test_accuracy >= h->row[h->n - 1].test_accuracy)
            return false;
    return h->n > 0 && isfinite(h->row[h->n - 1].test_accuracy);
}

int run_write_curves(struct run *r)
{
    int err = 0;
    if (!r->p.out_dir)
        return 0;
    if (r->p.keep_best && r->at.step == 0 && best_so_far(&r->at.history))
        TRY(write_model(r, r->best));
    TRY(metrics_write(r->metrics, &r->at.history));
    TRY(curves_write(r->curves, r->title, &r->at.history));
    if (r->p.log_gradients)
        TRY(gradlog_draw(&r->gradients, r->norm_curves, r->title));
out:
    return err;
}

/* The names of the classes, one a line. */
static int write_labels(const struct run *r)
{
    const struct ocelli_dataset_info *info = ocelli_dataset_get_info(r->train);
    struct text t = {0};
    int err = 0;
    for (int c = 0; c < info->classes; c++)
        text_add(&t, "%s\n", info->class_names[c]);
    err = t.failed ? fail_memory() : file_replace(r->labels, t.s, t.len, 0666);
    text_free(&t);
    return err;
}

int run_first_files(struct run *r)
{
    int err = 0;
    if (r->p.out_dir && r->p.log_gradients)
        TRY(gradlog_begin(&r->gradients, r->norms, steps_done(r)));
    if (r->p.out_dir && !r->resumed)
        TRY(run_save(r));
    if (r->p.out_dir)
        TRY(write_labels(r));
    TRY(run_write_curves(r));
out:
    return err;
}
