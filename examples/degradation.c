/* The degradation experiment (He, Zhang, Ren, Sun 2015, figures 1 and 6): more layers make a plain
 * network worse, also on its training images; the same layers with shortcuts do not.
 *
 *     degradation
 *         8 and 14 layers, a few steps on drawn digits: seconds
 *     degradation DEPTH DEPTH STEPS WIDTH [DATASET]
 *         "20 56 2000 16 fashion-mnist" is the paper's, for small images: hours
 *
 * Leaves degradation.svg: the training losses of the four networks in one picture. */
#include "curves.h"
#include "lecture.h"

struct setting {
    int depth[2], width, size, batch, steps;
    struct ocelli_dataset *data; /* NULL: digits are drawn */
};

static ocelli_value conv_bn(struct ocelli_graph *g, const char *name, ocelli_value x, int out,
                            int stride)
{
    const struct ocelli_conv2d_params p = {
        .kernel = {3}, .stride = {stride}, .pad = {1, 1, 1, 1}, .no_bias = true};
    char norm[48];
    snprintf(norm, sizeof(norm), "%s.norm", name);
    x = ocelli_layer_conv2d(g, name, x, out, &p);
    return ocelli_layer_batchnorm(g, norm, x,
                                  &(struct ocelli_layer_batchnorm_params){.training = true});
}

/* Every second pixel, and maps of zeros for those that there are more of. */
static ocelli_value shortcut(struct ocelli_graph *g, ocelli_value x, int stride, int more)
{
    const struct ocelli_shape s = ocelli_value_shape(g, x);
    const int64_t start[4] = {0}, step[4] = {1, 1, stride, stride};
    const int64_t count[4] = {s.dim[0], s.dim[1], (s.dim[2] + stride - 1) / stride,
                              (s.dim[3] + stride - 1) / stride};
    if (stride == 1)
        return x;
    return ocelli_pad(g, ocelli_slice(g, x, start, step, count),
                      &(struct ocelli_pad_params){.end = {0, more}});
}

/* 6 n + 2 layers; the only difference between plain and residual is one addition in each block. */
static ocelli_value network(struct ocelli_graph *g, ocelli_value x, int depth, int width,
                            bool residual)
{
    char name[32];
    x = ocelli_relu(g, conv_bn(g, "stem", x, width, 1));
    for (int stage = 0; stage < 3; stage++)
        for (int b = 0; b < (depth - 2) / 6; b++) {
            int stride = stage && b == 0 ? 2 : 1, maps = width << stage;
            snprintf(name, sizeof(name), "stage%d.%d.1", stage + 1, b + 1);
            ocelli_value y = ocelli_relu(g, conv_bn(g, name, x, maps, stride));
            snprintf(name, sizeof(name), "stage%d.%d.2", stage + 1, b + 1);
            y = conv_bn(g, name, y, maps, 1);
            if (residual)
                y = ocelli_add(g, y, shortcut(g, x, stride, maps / 2));
            x = ocelli_relu(g, y);
        }
    return ocelli_layer_dense(g, "fc", ocelli_gap(g, x), 10);
}

static int train(struct ocelli_device *dev, const struct setting *s, int depth, bool residual,
                 float *losses)
{
    struct ocelli_graph *g;
    struct ocelli_plan *plan = NULL;
    const struct ocelli_optimizer_params sgd = {.momentum = 0.9f, .weight_decay = 1e-4f};
    int err = ocelli_graph_create(&g);
    if (err)
        return err;
    ocelli_graph_set_init(g, OCELLI_INIT_HE);
    ocelli_value x =
        ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(s->batch, 1, s->size, s->size));
    ocelli_value labels = ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(s->batch));
    x = ocelli_softmax_xent(g, network(g, x, depth, s->width, residual), labels);
    ocelli_output(g, "loss", x);
    ocelli_optimize(g, x, &sgd);
    err = ocelli_plan_create(&plan, dev, g, &(struct ocelli_plan_params){.seed = 1});
    lecture_restart();
    const char *kind = residual ? "residual" : "plain";
    double mean = 0, last = s->steps / 10 + 1;
    for (int i = 0; !err && i < s->steps; i++) {
        err = lecture_step(plan, s->data, s->batch, s->size, 0.1f, &losses[i], NULL);
        mean += i < s->steps - last ? 0 : losses[i] / last;
        if (i % 100 == 0)
            printf("%s, %d layers, step %d: loss %.4f\n", kind, depth, i + 1, (double)losses[i]);
    }
    printf("%s, %d layers: mean loss of the last %g steps %.4f\n", kind, depth, last, mean);
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    return err;
}

int main(int argc, char **argv)
{
    struct setting s = {{8, 14}, 4, 16, 16, 20, NULL};
    struct curve curve[4];
    struct ocelli_device *dev = NULL;
    int err = ocelli_device_open(&dev, NULL);
    if (argc > 4)
        s = (struct setting){
            {atoi(argv[1]), atoi(argv[2])}, atoi(argv[4]), 16, 64, atoi(argv[3]), NULL};
    if (!err && argc > 5 && (err = ocelli_dataset_open(&s.data, argv[5], NULL, OCELLI_TRAIN)) == 0)
        s.size = ocelli_dataset_get_info(s.data)->height;
    float *losses = calloc((size_t)s.steps * 4, sizeof(*losses));
    for (int i = 0; !err && losses && i < 4; i++) {
        curve[i] = (struct curve){{0}, losses + i * s.steps};
        snprintf(curve[i].name, sizeof(curve[i].name), "%s, %d layers",
                 i & 1 ? "residual" : "plain", s.depth[i / 2]);
        err = train(dev, &s, s.depth[i / 2], i & 1, losses + i * s.steps);
    }
    if (!err && losses)
        err = curves_write("degradation.svg", curve, 4, s.steps);
    free(losses);
    ocelli_dataset_close(&s.data);
    ocelli_device_close(&dev);
    return lecture_end("degradation", err);
}
