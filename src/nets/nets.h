/* The networks' own functions, one a file. */
#ifndef NETS_NETS_H
#define NETS_NETS_H

#include <ocelli/nets.h>

/* Adds the layers from the image to the logits; p is complete (no zeros). */
ocelli_value net_lenet5(struct ocelli_graph *g, ocelli_value image,
                        const struct ocelli_net_params *p);
ocelli_value net_lenet5_1998(struct ocelli_graph *g, ocelli_value image,
                             const struct ocelli_net_params *p);

#endif
