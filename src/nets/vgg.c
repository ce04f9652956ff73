/* VGG. Simonyan and Zisserman 2014, table 1. */
#include "nets/nets.h"

#include <stdio.h>

#define STAGES 5
static const int width[STAGES] = {64, 128, 256, 512, 512};

/* Convolutions of each stage; in C the last one of three has 1x1 filters. */
static const struct {
    int layers[STAGES];
    bool last_1x1;
} forms[] = {
    {{1, 1, 2, 2, 2}, false},                                     /* A, 11 layers with weights */
    {{2, 2, 2, 2, 2}, false},                                     /* B, 13 */
    {{2, 2, 3, 3, 3}, false},                                     /* D, 16 */
    [VGG16C] = {{2, 2, 3, 3, 3}, true}, {{2, 2, 4, 4, 4}, false}, /* E, 19 */
};

ocelli_value net_vgg(struct ocelli_graph *g, ocelli_value x, const struct ocelli_net_params *p,
                     int form)
{
    bool bn = form >= VGG_BN;
    form %= VGG_BN;
    for (int s = 0; s < STAGES; s++) {
        for (int i = 0; i < forms[form].layers[s]; i++) {
            char name[NET_NAME];
            snprintf(name, sizeof(name), "conv%d_%d", s + 1, i + 1);
            struct conv c = CONV(width[s], forms[form].last_1x1 && i == 2 ? 1 : 3);
            x = bn ? ocelli_relu(g, block_conv_bn(g, name, x, c, 0, p->training))
                   : block_conv(g, name, x, c);
        }
        x = block_max_pool(g, x, 2, 2, 0);
    }
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc6", x, 4096));
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc7", block_dropout(g, x, p, 0.5f, 1), 4096));
    return ocelli_layer_dense(g, "fc8", block_dropout(g, x, p, 0.5f, 2), p->classes);
}
