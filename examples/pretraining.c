/* Greedy layer-wise pre-training: a deep network of sigmoids, whose gradient hardly reaches the
 * first layers, is first taught layer by layer, without labels, to keep what it sees (Hinton,
 * Osindero, Teh 2006; with autoencoders for Boltzmann machines: Bengio et al. 2007), and then as a
 * whole, with labels.
 *
 *     pretraining [STEPS]
 */
#include "lecture.h"

enum { BATCH = 32, SIZE = 16, LAYERS = 5, HIDDEN = 64, CLASSES = 10 };

/* A dense layer with a sigmoid. Frozen: its weights are states, which no optimiser changes. */
static ocelli_value layer(struct ocelli_graph *g, const char *kind, int number, ocelli_value x,
                          int64_t out, bool frozen)
{
    const struct ocelli_init random = {.kind = OCELLI_INIT_XAVIER};
    const struct ocelli_init zero = {.kind = OCELLI_INIT_CONSTANT};
    const struct ocelli_shape w = OCELLI_SHAPE(out, ocelli_value_shape(g, x).dim[1]);
    ocelli_value (*make)(struct ocelli_graph *, const char *, const struct ocelli_shape *,
                         const struct ocelli_init *) = frozen ? ocelli_state : ocelli_weight;
    char name[32];
    snprintf(name, sizeof(name), "%s%d.weight", kind, number);
    x = ocelli_gemm(g, x, make(g, name, &w, &random),
                    &(struct ocelli_gemm_params){.trans_b = true});
    snprintf(name, sizeof(name), "%s%d.bias", kind, number);
    return ocelli_sigmoid(g, ocelli_bias(g, x, make(g, name, &OCELLI_SHAPE(out), &zero)));
}

/* The first n layers. */
static ocelli_value encoder(struct ocelli_graph *g, int n, bool frozen)
{
    ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(BATCH, 1, SIZE, SIZE));
    ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(BATCH));
    x = ocelli_flatten(g, x);
    for (int i = 0; i < n; i++)
        x = layer(g, "encoder", i, x, HIDDEN, frozen);
    return x;
}

/* Layer n: what it makes of the layers below, a decoder has to make that again from. The loss is
 * the squared difference, its mean over the features. */
static ocelli_value autoencoder(struct ocelli_graph *g, int n)
{
    ocelli_value x = encoder(g, n, true);
    ocelli_value y = layer(g, "encoder", n, x, HIDDEN, false);
    y = layer(g, "decoder", n, y, ocelli_value_shape(g, x).dim[1], false);
    y = ocelli_binary(g, y, x, OCELLI_SUB);
    return ocelli_reduce(
        g, ocelli_binary(g, y, y, OCELLI_MUL),
        &(struct ocelli_reduce_params){.kind = OCELLI_REDUCE_MEAN, .axes = 1 << 1});
}

static ocelli_value classifier(struct ocelli_graph *g, int n)
{
    ocelli_value x = ocelli_layer_dense(g, "classes", encoder(g, n, false), CLASSES);
    ocelli_value loss = ocelli_softmax_xent(g, x, ocelli_find(g, "labels"));
    ocelli_output(g, "correct", ocelli_in_top_k(g, x, ocelli_find(g, "labels"), NULL));
    return loss;
}

/* Trains what `build` makes of the first n layers; *w is created at the first call. *right: of 10
 * batches afterwards, where it is not NULL. */
static int teach(struct ocelli_device *dev, struct ocelli_weights **w,
                 ocelli_value (*build)(struct ocelli_graph *, int), int n, int steps, float *right)
{
    struct ocelli_graph *g = NULL;
    struct ocelli_plan *plan = NULL;
    float first = 0, loss = 0, more = 0;
    int err = ocelli_graph_create(&g);
    if (err)
        return err;
    ocelli_value cost = build(g, n);
    ocelli_output(g, "loss", cost);
    ocelli_optimize(g, cost, &(struct ocelli_optimizer_params){.kind = OCELLI_ADAM});
    if ((err = *w ? ocelli_weights_extend(*w, g, 1) : ocelli_weights_create(w, dev, g, 1)) ||
        (err = ocelli_plan_create(&plan, dev, g, &(struct ocelli_plan_params){.weights = *w})))
        goto out;
    for (int i = 0; i < steps && !err; i++) {
        err = lecture_step(plan, NULL, BATCH, SIZE, 0.003f, &loss, NULL);
        first = i == 0 ? loss : first;
    }
    printf("  loss %.4f, after %d steps %.4f\n", (double)first, steps, (double)loss);
    for (int i = 0; right && i < 10 && !err; i++, *right += more)
        err = lecture_step(plan, NULL, BATCH, SIZE, 0, &loss, &more);
out:
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    return err;
}

int main(int argc, char **argv)
{
    int steps = argc > 1 ? atoi(argv[1]) : 150, err;
    float right[2] = {0, 0};
    struct ocelli_device *dev = NULL;
    struct ocelli_weights *w = NULL;
    if ((err = ocelli_device_open(&dev, NULL)))
        goto out;
    for (int taught = 0; taught < 2 && !err; taught++) {
        printf("%s\n", taught ? "layer by layer first" : "all layers at once");
        for (int n = 0; taught && n < LAYERS && !err; n++)
            err = teach(dev, &w, autoencoder, n, steps, NULL);
        if (!err)
            err = teach(dev, &w, classifier, LAYERS, steps, &right[taught]);
        printf("  %.0f of %d new digits are read rightly\n", (double)right[taught], 10 * BATCH);
        ocelli_weights_destroy(&w);
    }
    if (!err && right[1] < right[0] + 10)
        err = OCELLI_ERR_INVALID;
out:
    ocelli_device_close(&dev);
    return lecture_end("pretraining", err);
}
