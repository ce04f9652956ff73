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
};

/* Builds a network: input "image" (batch x channels x height x width, float), output "logits"
 * (batch x classes). Names:
 *
 *   lenet5       the form in common use: 28x28, ReLU, max pooling, 5x5x6 padded by 2, 5x5x16, 120,
 *                84, 10; 61,706 parameters
 *   lenet5-1998  LeCun, Bottou, Bengio, Haffner 1998, section II.B: scaled tanh, trainable
 *                subsampling, the paper's 28x28 characters in a 32x32 field (pad 2); see
 *                src/nets/lenet5.c for what stands in for the RBF output
 *
 * Fails: INVALID (no such network, the message lists them; an extent the network cannot take),
 * MEMORY. */
OCELLI_API int ocelli_net(struct ocelli_graph **out, const char *name,
                          const struct ocelli_net_params *p);

/* The i-th network's name, NULL past the last. */
OCELLI_API const char *ocelli_net_name(int i);

#ifdef __cplusplus
}
#endif
#endif
