/* The networks of the lecture, by name. */
#ifndef OCELLI_NETS_H
#define OCELLI_NETS_H

#include <ocelli/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero in a field means the network's own. */
struct ocelli_net_params {
    int batch;    /* default 1 */
    int channels; /* of the image */
    int height, width;
    int classes;
    enum ocelli_init_kind init;
    bool training; /* dropout, batch statistics, auxiliary classifiers (outputs "aux1", "aux2") */
    int seed;      /* of dropout */
};

/* Builds a network: input "image" (batch x channels x height x width, float), output "logits"
 * (batch x classes). Parameters with 1000 classes, LeNet and the CIFAR forms with 10:
 *
 *   lenet5        the form in common use: 28x28, ReLU, max pooling, 5x5x6 padded by 2, 5x5x16, 120,
 *                 84, 10; 61,706
 *   lenet5-1998   LeCun, Bottou, Bengio, Haffner 1998, section II.B: scaled tanh, trainable
 *                 subsampling, the paper's 28x28 characters in a 32x32 field (pad 2); see
 *                 src/nets/lenet5.c for what stands in for the RBF output; 60,850
 *   alexnet       Krizhevsky et al. 2012: 227x227, two columns as groups, LRN; 60,965,224
 *   alexnet-one-column   Krizhevsky 2014, as torchvision has it: 224x224; 61,100,840
 *   vgg11 vgg13 vgg16 vgg19, vgg16c   Simonyan and Zisserman 2014, A B D E and C (its 1x1); 132,863,336,
 *                 133,047,848, 138,357,544, 143,667,240; 133,638,952. With -bn: normalised
 *   alexnet-small, vgg-small, googlenet-small   of the same blocks, for images of 32x32 (28x28 too), to be
 *                 trained on a processor in minutes: 1,463,690, vgg-small (normalised) 880,362,
 *                 googlenet-small (normalised, five blocks at half the width, no auxiliary classifiers) 814,554
 *   nin, nin-cifar   Lin et al. 2013: 224x224 (7,595,176) and 32x32 (966,986)
 *   googlenet     Szegedy et al. 2014 (Inception V1), with LRN; 6,998,552, training 13,378,280
 *   inception-v2  Ioffe and Szegedy 2015 (normalised Inception), 224x224
 *   inception-v3  Szegedy et al. 2015, 299x299, as torchvision has it; 23,834,568, training 27,161,264
 *   mobilenet     Howard et al. 2017 (V1, full width): depthwise and 1x1 convolutions, normalised; 4,231,976
 *   resnet18 resnet34 resnet50 resnet101 resnet152   He et al. 2015; 11,689,512, 21,797,672, 25,557,032,
 *                 44,549,160, 60,192,808. The stride of a bottleneck is in its 3x3, not in its first 1x1
 *   resnet20 resnet32 resnet44 resnet56 resnet110   their CIFAR form, 32x32, shortcuts of option A (no
 *                 weights); 269,722, 464,154, 658,586, 853,018, 1,727,962
 *
 * Fails: INVALID (no such network, the message lists them; an extent the network cannot take),
 * MEMORY. */
OCELLI_API int ocelli_net(struct ocelli_graph **out, const char *name,
                          const struct ocelli_net_params *p);

/* Adds to such a network: input "labels" (batch, I32), outputs "loss" (cross-entropy of each image) and
 * "correct" (1 where the likeliest class is the label). Returns what training minimises, to be given to
 * ocelli_optimize(): the loss, plus 0.3 times that of each auxiliary classifier (Szegedy et al. 2014,
 * section 5). */
OCELLI_API ocelli_value ocelli_net_loss(struct ocelli_graph *g);

/* The same with label smoothing in each of the losses (ocelli_softmax_xent_smoothed()). */
OCELLI_API ocelli_value ocelli_net_loss_smoothed(struct ocelli_graph *g, float smoothing);

/* The i-th network's name, NULL past the last. */
OCELLI_API const char *ocelli_net_name(int i);

#ifdef __cplusplus
}
#endif
#endif
