/* ONNX models: the message, the graph made of it, its plan on the null device, and the model that
 * is written of it. */
#include <ocelli/onnx.h>
#include <ocelli/plan.h>

#include <stdlib.h>

#include "fuzz.h"
#include "ops/graph.h"

static struct ocelli_device *null_device(void)
{
    static struct ocelli_device *dev;

    if (!dev)
        FUZZ_CHECK(ocelli_device_open(&dev, &(struct ocelli_device_params){.device = "null"}) == 0);
    return dev;
}

/* Writing may take memory with the elements, of which a small file can claim any number. */
static bool is_small(const struct graph *g)
{
    double n = 0;

    for (int i = 0; i < g->n_values; i++)
        n += (double)shape_count(&g->value[i].desc.shape);
    return n < 1 << 20;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ocelli_graph *g;
    struct ocelli_plan *plan = NULL;
    struct ocelli_device *dev = null_device();

    fuzz_begin(size);
    int err = ocelli_onnx_parse(&g, "input", data, size, NULL);
    fuzz_end();
    FUZZ_CHECK((err != 0) == (g == NULL));
    if (!err) {
        for (int fusion = 0; fusion < 2; fusion++) {
            (void)ocelli_plan_create(&plan, dev, g,
                                     &(struct ocelli_plan_params){.no_fusion = !fusion});
            ocelli_plan_destroy(&plan);
        }
        if (is_small(&g->g))
            (void)ocelli_onnx_save(g, NULL, fuzz_scratch(), NULL);
    }
    ocelli_graph_destroy(&g);
    return 0;
}
