/* Networks as graphs: values (tensors to be) and the operations between them.
 *
 * Builder calls return the new value, or OCELLI_NONE when they fail; a failed graph stays failed,
 * further builder calls on it do nothing, so a network is written without a check a line and
 * ocelli_graph_status() is asked once at its end (ocelli_plan_create() asks it too).
 *
 *     ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(64, 1, 28, 28));
 *     x = ocelli_layer_conv2d(g, "conv1", x, 6, &(struct ocelli_conv2d_params){.kernel = {5, 5}});
 *     x = ocelli_relu(g, x);
 *     ocelli_output(g, "feature_map", x);
 *
 * Thread-safety: a graph belongs to one thread at a time; a const graph may be read by many. */
#ifndef OCELLI_GRAPH_H
#define OCELLI_GRAPH_H

#include <stdbool.h>

#include <ocelli/error.h>
#include <ocelli/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ocelli_graph;

/* A value of one graph. */
typedef int ocelli_value;
#define OCELLI_NONE (-1)

OCELLI_API int ocelli_graph_create(struct ocelli_graph **out);
OCELLI_API void ocelli_graph_destroy(struct ocelli_graph **g);

/* 0, or the code of the first builder call that failed; ocelli_error() then has its words. */
OCELLI_API int ocelli_graph_status(const struct ocelli_graph *g);

/* Something the caller fills before each run. Names are unique in a graph. */
OCELLI_API ocelli_value ocelli_input(struct ocelli_graph *g, const char *name,
                                     enum ocelli_dtype dtype, const struct ocelli_shape *shape);

/* Marks a value as a result: it is kept after a run and can be read under that name. */
OCELLI_API void ocelli_output(struct ocelli_graph *g, const char *name, ocelli_value v);

enum ocelli_init_kind {
    OCELLI_INIT_DEFAULT = 0,   /* the graph's default (ocelli_graph_set_init), else HE_UNIFORM */
    OCELLI_INIT_CONSTANT,      /* every element = value */
    OCELLI_INIT_XAVIER,        /* U(-a, a), a = sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010 */
    OCELLI_INIT_XAVIER_NORMAL, /* N(0, 2 / (fan_in + fan_out)) */
    OCELLI_INIT_HE,            /* N(0, 2 / fan_in); He et al. 2015 */
    OCELLI_INIT_HE_UNIFORM,    /* U(-a, a), a = sqrt(6 / fan_in) */
    OCELLI_INIT_LECUN,         /* U(-a, a), a = sqrt(3 / fan_in); LeCun et al. 1998, section 4.6 */
    OCELLI_INIT_UNIFORM,       /* U(-value, value) */
    OCELLI_INIT_NORMAL,        /* N(0, value^2) */
};

/* How a weight starts. fan_in and fan_out are taken from the shape (dim 1.. and dim 0 times the
 * filter area) when zero. */
struct ocelli_init {
    enum ocelli_init_kind kind;
    float value;
    int64_t fan_in, fan_out;
};

/* A float tensor that persists between runs and is trained. init may be NULL. */
OCELLI_API ocelli_value ocelli_weight(struct ocelli_graph *g, const char *name,
                                      const struct ocelli_shape *shape,
                                      const struct ocelli_init *init);

/* A weight of any type with its content; the data are copied. */
OCELLI_API ocelli_value ocelli_weight_data(struct ocelli_graph *g, const char *name,
                                           enum ocelli_dtype dtype,
                                           const struct ocelli_shape *shape, const void *data);

/* A float tensor that persists between runs and is not trained (momentum, running averages). */
OCELLI_API ocelli_value ocelli_state(struct ocelli_graph *g, const char *name,
                                     const struct ocelli_shape *shape,
                                     const struct ocelli_init *init);

/* A tensor whose content never changes; the data are copied. One without elements (an extent is 0) can
 * be an output; no operation takes it. */
OCELLI_API ocelli_value ocelli_const(struct ocelli_graph *g, const char *name,
                                     enum ocelli_dtype dtype, const struct ocelli_shape *shape,
                                     const void *data);

/* How pictures become the network's input, in words of preprocess.h; NULL: nobody said. ONNX files
 * keep it. */
OCELLI_API void ocelli_graph_set_preprocess(struct ocelli_graph *g, const char *words);
OCELLI_API const char *ocelli_graph_get_preprocess(const struct ocelli_graph *g);

/* What OCELLI_INIT_DEFAULT means for weights added from now on. */
OCELLI_API void ocelli_graph_set_init(struct ocelli_graph *g, enum ocelli_init_kind kind);

/* The shape of a value; rank -1 for OCELLI_NONE. */
OCELLI_API struct ocelli_shape ocelli_value_shape(const struct ocelli_graph *g, ocelli_value v);

/* The value of that name (an input, output, weight or state), or OCELLI_NONE. */
OCELLI_API ocelli_value ocelli_find(const struct ocelli_graph *g, const char *name);

/* An input or output: what it is called and what it takes. The name belongs to the graph. */
struct ocelli_port {
    const char *name;
    enum ocelli_dtype dtype;
    struct ocelli_shape shape;
};
/* How many there are; the i-th in the order in which they were added or marked.
 * Fails: INVALID (there is no i-th). */
OCELLI_API int ocelli_graph_inputs(const struct ocelli_graph *g);
OCELLI_API int ocelli_graph_input(const struct ocelli_graph *g, int i, struct ocelli_port *out);
OCELLI_API int ocelli_graph_outputs(const struct ocelli_graph *g);
OCELLI_API int ocelli_graph_output(const struct ocelli_graph *g, int i, struct ocelli_port *out);

/* Appends the reverse-mode derivative of the mean of `loss` over its elements: grads[i] becomes
 * d mean(loss) / d wrt[i], of the shape of wrt[i], or OCELLI_NONE where the loss does not depend
 * on it.
 * Fails: UNSUPPORTED (an operation on the way has no gradient; the message names it), MEMORY. */
OCELLI_API int ocelli_gradients(struct ocelli_graph *g, ocelli_value loss, const ocelli_value *wrt,
                                int n, ocelli_value *grads);

/* Appends the way back from v to x of a deconvnet (Zeiler and Fergus 2013): what in x an activation answers to. start,
 * of v's shape, holds the activations that are kept, the others being 0. It goes back as a gradient does (transposed
 * filters, maxima to where they were), but each ReLU on the way rectifies it, and an LRN is passed by. Returns a value
 * of x's shape, or OCELLI_NONE with the graph's status set: UNSUPPORTED (an operation on the way has no gradient), SHAPE,
 * INVALID (v does not depend on x), MEMORY. */
OCELLI_API ocelli_value ocelli_deconvnet(struct ocelli_graph *g, ocelli_value v, ocelli_value start,
                                         ocelli_value x);

enum ocelli_optimizer {
    OCELLI_SGD = 0,
    OCELLI_NESTEROV,
    OCELLI_RMSPROP, /* Tieleman and Hinton 2012 */
    OCELLI_ADAGRAD, /* Duchi, Hazan, Singer 2011 */
    OCELLI_ADAM,    /* Kingma and Ba 2015; decoupled: AdamW, Loshchilov and Hutter 2019 */
};

struct ocelli_optimizer_params {
    enum ocelli_optimizer kind;
    float momentum;     /* 0: plain gradient descent, no state; ADAM's beta1, where 0 means 0.9 */
    float weight_decay; /* L2: decay * w is added to each gradient */
    float decay;        /* RMSPROP's, default 0.99; ADAM's beta2, default 0.999 */
    float epsilon;      /* default 1e-8, ADAGRAD 1e-10 */
    bool decoupled;     /* each step takes lr * weight_decay * w from w instead: Loshchilov and Hutter 2019 */
    /* Gradients that explode (Pascanu, Mikolov, Bengio 2013); before the weight decay. 0: as they are. */
    float clip_value;   /* each element is cut to -clip_value..clip_value; */
    float clip_norm;    /* then all are multiplied by clip_norm / (their norm together + 1e-6) where that is below 1 */
    bool log_norms;     /* output "gradient_norms": the Euclidean norm of each weight's gradient as it came, of
                           weights with two dimensions or more that have one, in the order of the graph */
};

/* Appends the gradients of every weight and the step that updates it. The learning rate becomes
 * the scalar float input "lr". Momentum lives in states named "<weight>.momentum".
 * (and "<weight>.squares"); ADAM counts its steps in the scalar state "runs".
 * SGD: v = momentum * v + (g + decay * w);  w -= lr * v  (Nesterov: w -= lr * (g + decay * w + momentum * v)),
 * as PyTorch defines them all. */
OCELLI_API int ocelli_optimize(struct ocelli_graph *g, ocelli_value loss,
                               const struct ocelli_optimizer_params *p);

/* The same step in two graphs, for a batch that comes in parts: where memory does not hold a whole one, or where several
 * devices work on it, each on its part. */
struct ocelli_part {
    int parts; /* runs that make a batch, default 1 */
    int lanes; /* devices that share each run, default 1.. */
    int lane;  /* ..and which of them this one is, from 0 */
};
/* Appends the gradients of every weight, and adds each, divided by parts * lanes, to the state "<weight>.gradient",
 * which begins anew with each batch. After `parts` runs, those states summed over all lanes are the gradient of the
 * mean loss of the whole batch; batch normalisation alone sees parts instead. Dropout drops what it would drop in
 * the whole batch. */
OCELLI_API int ocelli_optimize_part(struct ocelli_graph *g, ocelli_value loss,
                                    const struct ocelli_part *part);
/* A new graph that only updates: it has g's weights, the states "<weight>.gradient" that ocelli_optimize_part() gave to
 * g, the input "lr", and what p asks for. ADAM counts in the state "updates". Its plan and g's share their weights:
 * ocelli_weights_create() for g, then ocelli_weights_extend() for this one. */
OCELLI_API int ocelli_optimize_update(struct ocelli_graph **out, const struct ocelli_graph *g,
                                      const struct ocelli_optimizer_params *p);

/* One line of the layer table: an operation of the graph as built. */
struct ocelli_layer {
    const char *name; /* the layer's, or the operation's when it has none */
    const char *op;
    struct ocelli_shape out;
    int64_t parameters; /* weight elements that this layer is the first to use */
    int64_t macs;       /* multiply-adds */
    int64_t bytes;      /* read and written when nothing is fused */
    ocelli_value in, value; /* its first input and output, OCELLI_NONE: it has none */
    const char *weight;     /* the name of its second input where that is a weight, else NULL */
};

/* Thread-safety: the strings belong to the graph. */
OCELLI_API int ocelli_graph_layers(const struct ocelli_graph *g);
OCELLI_API int ocelli_graph_layer(const struct ocelli_graph *g, int i, struct ocelli_layer *out);

/* Elements in all weights (states not counted). */
OCELLI_API int64_t ocelli_graph_parameters(const struct ocelli_graph *g);

#ifdef __cplusplus
}
#endif
#endif
