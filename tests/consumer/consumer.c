/* A program of somebody else's: finds the library, plans a network without any device, and checks that
 * headers and library are of one version. */
#include <stdio.h>
#include <string.h>

#include <ocelli/ocelli.h>

static int plan_lenet(void)
{
    struct ocelli_device *dev = NULL;
    struct ocelli_graph *g = NULL;
    struct ocelli_plan *plan = NULL;
    struct ocelli_plan_memory mem = {0};
    int steps = 0;
    int err = ocelli_device_open(&dev, &(struct ocelli_device_params){.device = "null"});

    if (err == 0)
        err = ocelli_net(&g, "lenet5", NULL);
    if (err == 0)
        err = ocelli_plan_create(&plan, dev, g, NULL);
    if (err == 0) {
        steps = ocelli_plan_steps(plan);
        ocelli_plan_get_memory(plan, &mem);
        printf("%lld parameters, %d launches, %llu bytes\n",
               (long long)ocelli_graph_parameters(g), steps, (unsigned long long)mem.peak);
        if (ocelli_graph_parameters(g) != 61706 || steps < 1 || mem.peak < 61706 * sizeof(float))
            err = OCELLI_ERR_INVALID;
    } else {
        fprintf(stderr, "%s: %s\n", ocelli_strerror(err), ocelli_error());
    }
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    ocelli_device_close(&dev);
    return err;
}

int main(void)
{
    char headers[32];

    snprintf(headers, sizeof(headers), "%d.%d.%d", OCELLI_VERSION_MAJOR, OCELLI_VERSION_MINOR,
             OCELLI_VERSION_PATCH);
    if (strcmp(headers, ocelli_version()) != 0) {
        fprintf(stderr, "headers %s, library %s\n", headers, ocelli_version());
        return 1;
    }
    return plan_lenet() != 0;
}
