#include "nets/nets.h"

#include <string.h>

#include <ocelli/ops.h>

#include "base/err.h"
#include "base/mem.h"

static const struct net {
    const char *name;
    net_build *build;
    int size, channels, classes; /* what it was made for */
    int min_size;                /* below this a feature map vanishes */
    enum ocelli_init_kind init;
    int form;
} nets[] = {
    {"lenet5", net_lenet5, 28, 1, 10, 12, OCELLI_INIT_XAVIER, 0},
    {"lenet5-1998", net_lenet5_1998, 28, 1, 10, 28, OCELLI_INIT_LECUN, 0},
    {"alexnet", net_alexnet, 227, 3, 1000, 67, OCELLI_INIT_HE, 0},
    {"alexnet-one-column", net_alexnet_one_column, 224, 3, 1000, 63, OCELLI_INIT_HE, 0},
    {"alexnet-small", net_alexnet, 32, 3, 10, 15, OCELLI_INIT_HE, ALEXNET_SMALL},
    {"vgg11", net_vgg, 224, 3, 1000, 32, OCELLI_INIT_HE, 0},
    {"vgg13", net_vgg, 224, 3, 1000, 32, OCELLI_INIT_HE, 1},
    {"vgg16", net_vgg, 224, 3, 1000, 32, OCELLI_INIT_HE, 2},
    {"vgg16c", net_vgg, 224, 3, 1000, 32, OCELLI_INIT_HE, VGG16C},
    {"vgg19", net_vgg, 224, 3, 1000, 32, OCELLI_INIT_HE, 4},
    {"vgg11-bn", net_vgg, 224, 3, 1000, 32, OCELLI_INIT_HE, VGG_BN + 0},
    {"vgg13-bn", net_vgg, 224, 3, 1000, 32, OCELLI_INIT_HE, VGG_BN + 1},
    {"vgg16-bn", net_vgg, 224, 3, 1000, 32, OCELLI_INIT_HE, VGG_BN + 2},
    {"vgg19-bn", net_vgg, 224, 3, 1000, 32, OCELLI_INIT_HE, VGG_BN + 4},
    {"vgg-small", net_vgg, 32, 3, 10, 8, OCELLI_INIT_HE, VGG_BN + VGG_SMALL},
    {"nin", net_nin, 224, 3, 1000, 67, OCELLI_INIT_HE, 0},
    {"nin-cifar", net_nin_cifar, 32, 3, 10, 4, OCELLI_INIT_HE, 0},
    {"googlenet", net_googlenet, 224, 3, 1000, 32, OCELLI_INIT_HE, 0},
    {"googlenet-small", net_googlenet_small, 32, 3, 10, 8, OCELLI_INIT_HE, 0},
    {"inception-v2", net_inception_v2, 224, 3, 1000, 32, OCELLI_INIT_HE, 0},
    {"inception-v3", net_inception_v3, 299, 3, 1000, 75, OCELLI_INIT_HE, 0},
    {"mobilenet", net_mobilenet, 224, 3, 1000, 32, OCELLI_INIT_HE, 0},
    {"resnet18", net_resnet, 224, 3, 1000, 32, OCELLI_INIT_HE, 18},
    {"resnet34", net_resnet, 224, 3, 1000, 32, OCELLI_INIT_HE, 34},
    {"resnet50", net_resnet, 224, 3, 1000, 32, OCELLI_INIT_HE, 50},
    {"resnet101", net_resnet, 224, 3, 1000, 32, OCELLI_INIT_HE, 101},
    {"resnet152", net_resnet, 224, 3, 1000, 32, OCELLI_INIT_HE, 152},
    {"resnet20", net_resnet_cifar, 32, 3, 10, 4, OCELLI_INIT_HE, 20},
    {"resnet32", net_resnet_cifar, 32, 3, 10, 4, OCELLI_INIT_HE, 32},
    {"resnet44", net_resnet_cifar, 32, 3, 10, 4, OCELLI_INIT_HE, 44},
    {"resnet56", net_resnet_cifar, 32, 3, 10, 4, OCELLI_INIT_HE, 56},
    {"resnet110", net_resnet_cifar, 32, 3, 10, 4, OCELLI_INIT_HE, 110},
};

const char *ocelli_net_name(int i)
{
    return i >= 0 && i < (int)COUNT(nets) ? nets[i].name : NULL;
}

static const struct net *find(const char *name)
{
    for (size_t i = 0; i < COUNT(nets); i++)
        if (name && !strcmp(nets[i].name, name))
            return &nets[i];
    struct text list = {0};
    for (size_t i = 0; i < COUNT(nets); i++)
        text_add(&list, "%s%s", i ? ", " : "", nets[i].name);
    fail(OCELLI_ERR_INVALID, "%s: no such network; there are %s", name ? name : "(null)",
         list.s ? list.s : "");
    text_free(&list);
    return NULL;
}

int ocelli_net(struct ocelli_graph **out, const char *name, const struct ocelli_net_params *params)
{
    int err = 0;
    struct ocelli_graph *g = NULL;
    *out = NULL;
    const struct net *net = find(name);
    if (!net)
        return OCELLI_ERR_INVALID;
    struct ocelli_net_params p = params ? *params : (struct ocelli_net_params){0};
    p.batch = p.batch ? p.batch : 1;
    p.channels = p.channels ? p.channels : net->channels;
    p.height = p.height ? p.height : net->size;
    p.width = p.width ? p.width : net->size;
    p.classes = p.classes ? p.classes : net->classes;
    p.init = p.init ? p.init : net->init;
    if (p.batch < 1 || p.channels < 1 || p.classes < 1)
        return fail(OCELLI_ERR_INVALID,
                    "%s: batch %d, %d channels, %d classes: all must be at least 1", name, p.batch,
                    p.channels, p.classes);
    if (p.height < net->min_size || p.width < net->min_size)
        return fail(OCELLI_ERR_INVALID,
                    "%s: images of %dx%d are too small, at least %dx%d are needed", name, p.height,
                    p.width, net->min_size, net->min_size);
    TRY(ocelli_graph_create(&g));
    if (p.init)
        ocelli_graph_set_init(g, p.init);
    ocelli_value image =
        ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(p.batch, p.channels, p.height, p.width));
    ocelli_output(g, "logits", net->build(g, image, &p, net->form));
    TRY(ocelli_graph_status(g));
    *out = g;
    g = NULL;
out:
    ocelli_graph_destroy(&g);
    return err;
}

ocelli_value ocelli_net_loss(struct ocelli_graph *g)
{
    return ocelli_net_loss_smoothed(g, 0);
}

ocelli_value ocelli_net_loss_smoothed(struct ocelli_graph *g, float smoothing)
{
    static const char *const auxiliary[] = {"aux1", "aux2"};
    static const float weight = 0.3f;
    ocelli_value logits = ocelli_find(g, "logits");
    struct ocelli_shape s = ocelli_value_shape(g, logits);
    ocelli_value labels =
        ocelli_input(g, "labels", OCELLI_I32, &OCELLI_SHAPE(s.rank > 0 ? s.dim[0] : 1));
    ocelli_value loss = ocelli_softmax_xent_smoothed(g, logits, labels, smoothing), total = loss;
    ocelli_output(g, "loss", loss);
    ocelli_output(g, "correct", ocelli_in_top_k(g, logits, labels, NULL));
    for (size_t i = 0; i < COUNT(auxiliary); i++) {
        ocelli_value aux = ocelli_find(g, auxiliary[i]);
        if (aux == OCELLI_NONE)
            continue;
        ocelli_value w = ocelli_const(g, NULL, OCELLI_F32, &(struct ocelli_shape){0}, &weight);
        aux = ocelli_softmax_xent_smoothed(g, aux, labels, smoothing);
        aux = ocelli_binary(g, aux, w, OCELLI_MUL);
        total = ocelli_add(g, total, aux);
    }
    return total;
}
