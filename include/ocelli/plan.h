/* Plans: a graph bound to a device, ready to run.
 *
 * Creating a plan fuses, chooses a kernel variant for every operation, places every intermediate
 * value in memory that is reused, compiles the kernels and records the launches; running it only
 * replays them. On the null device everything up to compiling is done. */
#ifndef OCELLI_PLAN_H
#define OCELLI_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocelli/device.h>
#include <ocelli/graph.h>
#include <ocelli/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ocelli_plan;
struct ocelli_weights;

/* Weights and states of a graph on a device, by name. Several plans may share them: one that
 * trains and one that only predicts, say.
 *
 * Creating allocates and initialises every weight and state of the graph from the seed; the same
 * graph and seed give the same bits on every device. */
OCELLI_API int ocelli_weights_create(struct ocelli_weights **out, struct ocelli_device *dev,
                                     const struct ocelli_graph *g, uint64_t seed);
/* Adds what the graph has and w has not.
 * Fails: MEMORY, DEVICE; w then has some of it. */
OCELLI_API int ocelli_weights_extend(struct ocelli_weights *w, const struct ocelli_graph *g,
                                     uint64_t seed);
OCELLI_API void ocelli_weights_destroy(struct ocelli_weights **w);

/* In the order in which the graph has them. */
OCELLI_API int ocelli_weights_count(const struct ocelli_weights *w);
OCELLI_API const char *ocelli_weights_name(const struct ocelli_weights *w, int i);
/* Borrowed. NULL when there is none of that name. */
OCELLI_API struct ocelli_tensor *ocelli_weights_tensor(const struct ocelli_weights *w,
                                                       const char *name);
/* All tensors to a safetensors file (written aside, synced, renamed), or back: every tensor of w
 * must be there with its shape; what else the file holds is ignored.
 * Fails: IO, FORMAT, SHAPE, DEVICE. */
OCELLI_API int ocelli_weights_save(const struct ocelli_weights *w, const char *path);
OCELLI_API int ocelli_weights_load(struct ocelli_weights *w, const char *path);

/* How much is asked of tuning (tune.h) when kernels are chosen. */
enum ocelli_effort {
    OCELLI_EFFORT_DEFAULT, /* $OCELLI_TUNE: off, db, quick or full; without it, DB */
    OCELLI_EFFORT_OFF,     /* the kernels' own defaults */
    OCELLI_EFFORT_DB,      /* what is in the tuning databases; measures nothing */
    /* And tunes what they do not know for up to 30 seconds (FULL: 10 minutes), which is longest
       before the plan is there; from then on it is known, and such a plan takes no longer than
       with DB. The device's listener (device.h) may stop it before. What goes wrong while tuning
       is a warning, and the kernels' defaults are used. */
    OCELLI_EFFORT_QUICK,
    OCELLI_EFFORT_FULL,
};

/* Zero in a field means its default. */
struct ocelli_plan_params {
    struct ocelli_weights *weights; /* must have every weight of the graph; NULL: the plan makes its
                                       own from `seed` */
    uint64_t seed;
    bool no_fusion;      /* one launch an operation, as built */
    bool no_reuse;       /* every value has memory of its own */
    bool exact;          /* sums of the products themselves: no Winograd, whose results differ by a few
                            roundings more */
    uint64_t memory_cap; /* the plan's peak memory must not be above so many bytes: values of the forward pass are computed
                            again in the backward pass rather than kept, as few as will do, with the same bits. 0: no cap */
    uint64_t memory_beside; /* bytes that others take: the cap is for them, too */
    enum ocelli_effort effort;
    const char *variant; /* "ref", or "conv2d/direct,gemm/ref": use these where they apply */
    /* OCELLI_F32, or OCELLI_F16 for prediction: weights and feature maps lie in memory as halves, in half the bytes.
     * Arithmetic and sums stay float, and so do biases, what normalises, softmax, and the graph's inputs and outputs.
     * Each result that is stored is rounded once, to 2^-11 of itself (below 2^-14 to 2^-25), as is each weight; what
     * exceeds 65504 becomes infinite. Weights of the plan's own are F16 from the start; those that are given stay as
     * they are, with halves beside them. Every device can: halves in memory are core OpenCL 1.2. A processor takes the
     * kernels of graphics processors, for its blocked ones know float only: less memory, but tens of times slower,
     * which is logged as a warning.
     * Fails: INVALID (another type), UNSUPPORTED (the graph trains). */
    enum ocelli_dtype storage;
};

/* Fails: the graph's own status; UNSUPPORTED (no variant applies), BUILD, MEMORY (also when memory_cap cannot be
 * kept; the message says how many bytes it takes at least), DEVICE, SHAPE (weights do not fit). */
OCELLI_API int ocelli_plan_create(struct ocelli_plan **out, struct ocelli_device *dev,
                                  const struct ocelli_graph *g, const struct ocelli_plan_params *p);
OCELLI_API void ocelli_plan_destroy(struct ocelli_plan **plan);

/* The tensor behind an input or output now: the plan's own, or what was bound. NULL when there is
 * none of that name. Borrowed. */
OCELLI_API struct ocelli_tensor *ocelli_plan_tensor(const struct ocelli_plan *plan,
                                                    const char *name);

/* Makes the plan use the caller's tensor (same shape and type) as that input or output from the
 * next run on; it must outlive its use. */
OCELLI_API int ocelli_plan_bind(struct ocelli_plan *plan, const char *name,
                                struct ocelli_tensor *t);

/* Enqueues one run and returns; reading an output waits for it. What is prepared from weights is
 * prepared anew when these were written since: by ocelli_tensor_write(), by a plan's run, or as told by
 * ocelli_tensor_changed() (opencl.h).
 * Fails: DEVICE, UNSUPPORTED (null device). After a failure the device can be used again. */
OCELLI_API int ocelli_plan_run(struct ocelli_plan *plan);

/* One launch of the plan. The strings belong to the plan. */
struct ocelli_step {
    const char *text; /* the line that `ocelli dump` prints */
    const char *layer;
    const char *op;
    const char *variant;
    const char *kernel;
    bool once; /* prepares from weights: runs before the first run, and when weights have changed */
    size_t global[3], local[3];
    double flops; /* multiply and add count as two */
    double bytes; /* that must be read and written at least */
    double ms;    /* device time in the last profiled run, 0 if there is none */
};
OCELLI_API int ocelli_plan_steps(const struct ocelli_plan *plan);
/* Step i; with profiling on, waits for the last run to take its times. */
OCELLI_API int ocelli_plan_step(struct ocelli_plan *plan, int i, struct ocelli_step *out);

/* What the plan needs on the device, in bytes, known before anything is allocated and equal to
 * what ocelli_device_get_stats() then counts. Where the plan makes its own weights, those that are
 * only the source of prepared ones are uploaded one by one and given up again. */
struct ocelli_plan_memory {
    uint64_t weights;  /* weights and states that the runs read */
    uint64_t prepared; /* made from weights once: with a batch normalisation folded in, or packed */
    uint64_t io;       /* inputs, outputs and constants */
    uint64_t arena;    /* intermediate values, memory reused */
    uint64_t setup;    /* besides all these, and only while the plan is being created */
    uint64_t scratch;  /* of the arena, workspace of kernels */
    uint64_t live;     /* the most that intermediate values need at any one step: no plan can do
                          with less */
    uint64_t peak;     /* weights + prepared + io + arena + setup */
    int recomputed;    /* operations that run twice to keep memory_cap */
};
OCELLI_API void ocelli_plan_get_memory(const struct ocelli_plan *plan,
                                       struct ocelli_plan_memory *out);

#ifdef __cplusplus
}
#endif
#endif
