/* A network that reads and writes memory of ours: a kernel of our own makes the image, the network
 * reads it where it lies and writes its result into another buffer of ours. No byte is copied. */
#include <math.h>
#include <stdio.h>

#include <ocelli/ocelli.h>
#include <ocelli/opencl.h>

enum { N = 8 };

static const char source[] = "__kernel void ramp(__global float *image, int w)\n"
                             "{\n"
                             "    int x = get_global_id(0), y = get_global_id(1);\n"
                             "    image[y * w + x] = (float)(y * w + x);\n"
                             "}\n";

/* Averages of 2x2 squares side by side. */
static int halve(struct ocelli_graph **out)
{
    const struct ocelli_pool2d_params p = {.kind = OCELLI_POOL_AVERAGE, .kernel = {2, 2}};
    int err = ocelli_graph_create(out);
    if (err)
        return err;
    ocelli_value x = ocelli_input(*out, "image", OCELLI_F32, &OCELLI_SHAPE(1, 1, N, N));
    ocelli_output(*out, "small", ocelli_pool2d(*out, x, &p));
    return ocelli_graph_status(*out);
}

/* Our own kernel, on our own queue. */
static int draw(cl_context context, cl_device_id id, cl_command_queue queue, cl_mem image)
{
    const char *text = source;
    const size_t size[2] = {N, N};
    const cl_int w = N;
    cl_int code;
    cl_program program = clCreateProgramWithSource(context, 1, &text, NULL, &code);
    if (code == CL_SUCCESS)
        code = clBuildProgram(program, 1, &id, "", NULL, NULL);
    cl_kernel kernel = code == CL_SUCCESS ? clCreateKernel(program, "ramp", &code) : NULL;
    if (code == CL_SUCCESS) {
        clSetKernelArg(kernel, 0, sizeof(image), &image);
        clSetKernelArg(kernel, 1, sizeof(w), &w);
        code = clEnqueueNDRangeKernel(queue, kernel, 2, NULL, size, NULL, 0, NULL, NULL);
    }
    if (kernel)
        clReleaseKernel(kernel);
    if (program)
        clReleaseProgram(program);
    return code != CL_SUCCESS;
}

/* The network, with our buffers in the place of its own. */
static int shrink(struct ocelli_device *dev, cl_mem image, cl_mem small)
{
    struct ocelli_graph *g = NULL;
    struct ocelli_plan *plan = NULL;
    struct ocelli_tensor *in = NULL, *out = NULL;
    int err = halve(&g);
    if (!err)
        err = ocelli_plan_create(&plan, dev, g, NULL);
    if (!err)
        err = ocelli_tensor_wrap(&in, dev, image, 0, OCELLI_F32, &OCELLI_SHAPE(1, 1, N, N));
    if (!err)
        err =
            ocelli_tensor_wrap(&out, dev, small, 0, OCELLI_F32, &OCELLI_SHAPE(1, 1, N / 2, N / 2));
    if (!err)
        err = ocelli_plan_bind(plan, "image", in);
    if (!err)
        err = ocelli_plan_bind(plan, "small", out);
    if (!err)
        err = ocelli_plan_run(plan); /* after draw(): the queue is in order */
    if (!err)
        err = ocelli_device_finish(dev);
    ocelli_plan_destroy(&plan);
    ocelli_tensor_destroy(&in);
    ocelli_tensor_destroy(&out);
    ocelli_graph_destroy(&g);
    return err;
}

int main(void)
{
    cl_platform_id platform;
    cl_device_id id;
    cl_int c[4];
    float small[N * N / 4] = {0};
    struct ocelli_device *dev = NULL;
    if (clGetPlatformIDs(1, &platform, NULL) ||
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &id, NULL)) {
        fprintf(stderr, "wrap_buffer: no OpenCL device\n");
        return 1;
    }
    cl_context context = clCreateContext(NULL, 1, &id, NULL, NULL, &c[0]);
    cl_command_queue queue = clCreateCommandQueue(context, id, 0, &c[1]);
    cl_mem image = clCreateBuffer(context, CL_MEM_READ_WRITE, N * N * sizeof(float), NULL, &c[2]);
    cl_mem result = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof(small), NULL, &c[3]);
    int failed = c[0] || c[1] || c[2] || c[3] || draw(context, id, queue, image);
    if (!failed &&
        (ocelli_device_from_opencl(&dev, context, id, queue, NULL) || shrink(dev, image, result))) {
        fprintf(stderr, "wrap_buffer: %s\n", ocelli_error());
        failed = 1;
    }
    ocelli_device_close(&dev);
    failed = failed ||
             clEnqueueReadBuffer(queue, result, CL_TRUE, 0, sizeof(small), small, 0, NULL, NULL);
    for (int i = 0; !failed && i < N * N / 4; i++) {
        const int corner = i / (N / 2) * 2 * N + i % (N / 2) * 2; /* of the square */
        printf("%6.1f%s", small[i], i % (N / 2) == N / 2 - 1 ? "\n" : "");
        failed = fabsf(small[i] - ((float)corner + (1 + N) / 2.0f)) > 1e-6f;
    }
    printf(failed ? "wrong\n" : "Every number is the mean of a 2x2 square.\n");
    clReleaseMemObject(image);
    clReleaseMemObject(result);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    return failed;
}
