#include "nets/nets.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static const struct net {
    const char *name;
    ocelli_value (*build)(struct ocelli_graph *g, ocelli_value image,
                          const struct ocelli_net_params *p);
    int size, channels, classes; /* what it was made for */
    int min_size;                /* below this a feature map vanishes */
    enum ocelli_init_kind init;
} nets[] = {
    {"lenet5", net_lenet5, 28, 1, 10, 12, OCELLI_INIT_XAVIER},
    {"lenet5-1998", net_lenet5_1998, 28, 1, 10, 28, OCELLI_INIT_LECUN},
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
    ocelli_output(g, "logits", net->build(g, image, &p));
    TRY(ocelli_graph_status(g));
    *out = g;
    g = NULL;
out:
    ocelli_graph_destroy(&g);
    return err;
}
