/* VGG. Simonyan and Zisserman 2014, table 1. */
#include "nets/nets.h"

#include <stdio.h>

#define STAGES 5

/* Convolutions of each stage; in C the last one of three has 1x1 filters. Filters of the first
 * stage, twice as many from stage to stage, up to 512. */
static const struct {
    int layers[STAGES];
    bool last_1x1;
    int filters, dense;
} forms[] = {
    {{1, 1, 2, 2, 2}, false, 64, 4096}, /* A, 11 layers with weights */
    {{2, 2, 2, 2, 2}, false, 64, 4096}, /* B, 13 */
    {{2, 2, 3, 3, 3}, false, 64, 4096}, /* D, 16 */
    [VGG16C] = {{2, 2, 3, 3, 3}, true, 64, 4096},
    {{2, 2, 4, 4, 4}, false, 64, 4096},              /* E, 19 */
    [VGG_SMALL] = {{2, 2, 2, 0, 0}, false, 32, 256}, /* for 32x32: three stages */
};

ocelli_value net_vgg(struct ocelli_graph *g, ocelli_value x, const struct ocelli_net_params *p,
                     int form)
{
    bool bn = form >= VGG_BN;
    form %= VGG_BN;
    for (int s = 0; s < STAGES && forms[form].layers[s]; s++) {
        for (int i = 0; i < forms[form].layers[s]; i++) {
            char name[NET_NAME];
            int width = forms[form].filters << s < 512 ? forms[form].filters << s : 512;
            snprintf(name, sizeof(name), "conv%d_%d", s + 1, i + 1);
            struct conv c = CONV(width, forms[form].last_1x1 && i == 2 ? 1 : 3);
            x = bn ? ocelli_relu(g, block_conv_bn(g, name, x, c, 0, p->training))
                   : block_conv(g, name, x, c);
        }
        x = block_max_pool(g, x, 2, 2, 0);
    }
    x = ocelli_relu(g, ocelli_layer_dense(g, "fc6", x, forms[form].dense));
    x = ocelli_relu(
        g, ocelli_layer_dense(g, "fc7", block_dropout(g, x, p, 0.5f, 1), forms[form].dense));
    return ocelli_layer_dense(g, "fc8", block_dropout(g, x, p, 0.5f, 2), p->classes);
}
