/* Training and evaluation of a classifier on a dataset. */
#ifndef OCELLI_TRAIN_H
#define OCELLI_TRAIN_H

#include <ocelli/data.h>
#include <ocelli/device.h>
#include <ocelli/graph.h>
#include <ocelli/nets.h>
#include <ocelli/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is left of a run behind its warm-up, T steps, is what these count by. */
enum ocelli_schedule {
    OCELLI_CONSTANT = 0,
    OCELLI_STEP,   /* times 0.1 after each third */
    OCELLI_COSINE, /* lr (1 + cos(pi t / T)) / 2, t and T in steps; Loshchilov and Hutter 2016 */
    OCELLI_POLY,   /* lr (1 - t / T)^2 */
};

/* What is told while training runs. */
struct ocelli_train_progress {
    int epoch, epochs;        /* the epoch in work, counted from 1 */
    int64_t step, steps;      /* batches done in this epoch, and in a whole one */
    double loss, accuracy;    /* means over this epoch so far */
    double images_per_second;
    double seconds, seconds_left; /* of the whole run */
    bool testing;             /* the test split is being evaluated */
};

/* One finished epoch. */
struct ocelli_epoch {
    int epoch;
    double train_loss, train_accuracy; /* means over the batches as they were trained on */
    double test_loss, test_accuracy;
    double lr; /* of the epoch's last step */
    double seconds;
};

/* Zero in a field means its default. */
struct ocelli_train_params {
    const char *net;      /* a name of nets.h */
    enum ocelli_init_kind init;
    int epochs;           /* default 5 */
    int64_t steps;        /* stop after so many steps in all (the schedule still counts by epochs);
                             0: no limit */
    int batch;            /* images a step, default 64.. */
    int accumulate;       /* ..in so many parts one after the other, whose gradients are added up: what the
                             whole batch gives, but for batch normalisation, in the memory of a part; default 1 */
    struct ocelli_device *const *more; /* devices that share each part with the first, evenly */
    int n_more;
    struct ocelli_optimizer_params optimizer;
    float lr;             /* default 0.05 */
    enum ocelli_schedule schedule;
    int64_t warmup;       /* steps in which the rate rises from lr / warmup to lr, linearly */
    float smoothing;      /* of the labels, in the loss that is trained on (nets.h) */
    bool log_gradients;   /* also write gradients.csv and gradients.svg: the norm of each layer's gradient */
    uint64_t memory_cap;  /* bytes on each device, of all that training and testing need; what does not fit is computed
                             again (ocelli_plan_params). 0: no limit */
    struct ocelli_augment augment;
    uint64_t seed;        /* weights and order of the images */
    const char *out_dir;  /* NULL: nothing is written */
    bool keep_best;       /* also write best.onnx: the network after the epoch of the best test accuracy so far */
    bool resume;          /* go on from out_dir/checkpoint where there is one */
    int64_t checkpoint_steps; /* also save every so many steps; 0: after each epoch */
    const char *variant;  /* as in ocelli_plan_params */

    /* Called after every step; non-zero stops: the work so far is saved and the call returns
     * OCELLI_ERR_CANCELLED. */
    int (*progress)(void *user, const struct ocelli_train_progress *p);
    /* Called after each epoch. */
    void (*epoch_done)(void *user, const struct ocelli_epoch *e);
    /* Called with each step's mean loss, in order, up to a few steps late; the first step is 1. */
    void (*step_done)(void *user, int64_t step, double loss);
    void *user;
};

struct ocelli_train_result {
    int64_t parameters;
    int epochs_done;
    int64_t steps_done;
    double test_accuracy;
    double seconds; /* of training and testing, set-up not counted */
    bool resumed;
};

/* Trains on `train`, testing on `test` after each epoch (NULL: no testing, its results are NaN).
 * Images that do not fill an epoch's last batch sit that epoch out; the order is another one each
 * time. With out_dir, writes there
 *   checkpoint   all that resume needs: weights, optimiser state, position, random state; safetensors
 *                layout, checksummed, replaced atomically
 *   model.onnx   the network with its weights, replaced with each checkpoint
 *   best.onnx    the same as it was after its best epoch, where asked for
 *   metrics.csv  a row an epoch
 *   curves.svg   loss and accuracy over epochs
 *   labels.txt   the names of the classes, one a line
 *   gradients.csv, gradients.svg   a row a step, where asked for
 * The same seed, data, devices and driver give the same bits, interrupted and resumed or not. Several devices add up
 * their gradients on the host in the order of the devices; the first one updates, and the others get its weights.
 * Fails: CANCELLED, IO, FORMAT (a checkpoint that is damaged or of another run; it is left as it is),
 * and all that planning and running can. */
OCELLI_API int ocelli_train(struct ocelli_device *dev, const struct ocelli_dataset *train,
                            const struct ocelli_dataset *test, const struct ocelli_train_params *p,
                            struct ocelli_train_result *result);

/* A network that was trained: the directory's description of itself. */
struct ocelli_trained {
    char net[64];
    struct ocelli_net_params params; /* channels, height, width, classes */
    char preprocess[256]; /* how its images were prepared, in words of preprocess.h; "": not
                             recorded */
};
/* Reads what the training directory's checkpoint says of its network.
 * Fails: IO, FORMAT. */
OCELLI_API int ocelli_trained_read(const char *dir, struct ocelli_trained *out);
/* Loads the weights of a training directory into w.
 * Fails: IO, FORMAT, SHAPE, DEVICE. */
OCELLI_API int ocelli_trained_load(const char *dir, struct ocelli_weights *w);

struct ocelli_eval_params {
    int batch; /* default 500 */
    int top;   /* k of the second count, default 5 */
    const char *variant;
    enum ocelli_dtype storage; /* as in ocelli_plan_params; `weights` are then kept twice */
    /* Receives each image's class, in order; may be NULL. */
    void (*prediction)(void *user, int64_t i, int label, int predicted);
    int (*progress)(void *user, int64_t done, int64_t count);
    void *user;
};
struct ocelli_eval_result {
    int64_t count;
    double loss, accuracy, top_k;
    double seconds;
};
/* Classifies every image of the dataset with the network `net` and weights w.
 * Fails: SHAPE (the images do not fit the network), CANCELLED, and all that planning can. */
OCELLI_API int ocelli_eval(struct ocelli_device *dev, const struct ocelli_trained *net,
                           struct ocelli_weights *w, const struct ocelli_dataset *data,
                           const struct ocelli_eval_params *p, struct ocelli_eval_result *result);

#ifdef __cplusplus
}
#endif
#endif
