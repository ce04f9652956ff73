/* A network inside a program that has its own OpenCL context and queue: it starts after an event of
 * ours and gives back an event that our own commands can wait for. Nothing waits on the host in
 * between. */
#include <math.h>
#include <stdio.h>

#include <ocelli/ocelli.h>
#include <ocelli/opencl.h>

enum { H = 6, W = 8, OW = W - 2 };

/* One 1x3 filter that answers to vertical edges: right neighbour minus left neighbour. */
static int edge_detector(struct ocelli_graph **out)
{
    static const float filter[3] = {-1, 0, 1};
    int err = ocelli_graph_create(out);
    if (err)
        return err;
    ocelli_value x = ocelli_input(*out, "image", OCELLI_F32, &OCELLI_SHAPE(1, 1, H, W));
    ocelli_value w = ocelli_const(*out, "filter", OCELLI_F32, &OCELLI_SHAPE(1, 1, 1, 3), filter);
    ocelli_output(*out, "edges", ocelli_conv2d(*out, x, w, NULL));
    return ocelli_graph_status(*out);
}

static int cl_check(cl_int code, const char *what)
{
    if (code != CL_SUCCESS)
        fprintf(stderr, "own_context: %s: OpenCL says %d\n", what, code);
    return code != CL_SUCCESS;
}

/* Enqueues upload, network and download, and only then waits. */
static int run(struct ocelli_plan *plan, cl_command_queue queue, const float *image, float *edges)
{
    size_t in_at, out_at;
    cl_mem in = ocelli_tensor_mem(ocelli_plan_tensor(plan, "image"), &in_at);
    cl_mem out = ocelli_tensor_mem(ocelli_plan_tensor(plan, "edges"), &out_at);
    cl_event uploaded, done;
    if (cl_check(clEnqueueWriteBuffer(queue, in, CL_FALSE, in_at, H * W * sizeof(float), image, 0,
                                      NULL, &uploaded),
                 "upload"))
        return 1;
    int err = ocelli_plan_enqueue(plan, 1, &uploaded, &done);
    clReleaseEvent(uploaded);
    if (err) {
        fprintf(stderr, "own_context: %s\n", ocelli_error());
        return 1;
    }
    err = cl_check(clEnqueueReadBuffer(queue, out, CL_TRUE, out_at, H * OW * sizeof(float), edges,
                                       1, &done, NULL),
                   "download");
    clReleaseEvent(done);
    return err;
}

int main(void)
{
    cl_platform_id platform;
    cl_device_id id;
    cl_int code;
    float image[H * W], edges[H * OW];
    struct ocelli_device *dev = NULL;
    struct ocelli_graph *g = NULL;
    struct ocelli_plan *plan = NULL;

    /* What a program with its own OpenCL code has anyway. */
    if (cl_check(clGetPlatformIDs(1, &platform, NULL), "platform") ||
        cl_check(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &id, NULL), "device"))
        return 1;
    cl_context context = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    if (cl_check(code, "context"))
        return 1;
    cl_command_queue queue = clCreateCommandQueue(context, id, 0, &code);
    if (cl_check(code, "queue"))
        return 1;

    /* A picture that is dark on the left and bright from column 3 on. */
    for (int i = 0; i < H * W; i++)
        image[i] = i % W < 3 ? 0.0f : 1.0f;

    int failed = 1;
    if (ocelli_device_from_opencl(&dev, context, id, queue, NULL) || edge_detector(&g) ||
        ocelli_plan_create(&plan, dev, g, NULL))
        fprintf(stderr, "own_context: %s\n", ocelli_error());
    else
        failed = run(plan, queue, image, edges);

    for (int y = 0; !failed && y < H; y++) {
        for (int x = 0; x < OW; x++) {
            const float want = image[y * W + x + 2] - image[y * W + x];
            printf("%3.0f", edges[y * OW + x]);
            if (fabsf(edges[y * OW + x] - want) > 1e-6f)
                failed = 1;
        }
        printf("\n");
    }
    printf(failed ? "wrong\n" : "The edge is where it should be.\n");

    /* Ours go in any order: the library holds what it still needs. */
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    ocelli_device_close(&dev);
    return failed;
}
