/* What the lecture's programs share: running a small graph once, printing maps, drawing digits,
 * training steps. */
#ifndef LECTURE_H
#define LECTURE_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ocelli/ocelli.h>

/* Prints why a program ends; its exit status. */
static inline int lecture_end(const char *program, int err)
{
    if (err)
        fprintf(stderr, "%s: %s: %s\n", program, ocelli_strerror(err), ocelli_error());
    return err != 0;
}

/* Computes y: in[i] becomes the content of the graph's i-th input, out receives y's content. The
 * graph is used up. */
static inline int lecture_run(struct ocelli_device *dev, struct ocelli_graph **g, ocelli_value y,
                              const float *const *in, float *out)
{
    struct ocelli_plan *plan = NULL;
    int err;
    ocelli_output(*g, "y", y);
    err = ocelli_plan_create(&plan, dev, *g, &(struct ocelli_plan_params){.seed = 1});
    for (int i = 0; !err && i < ocelli_graph_inputs(*g); i++) {
        struct ocelli_port port;
        if ((err = ocelli_graph_input(*g, i, &port)) == 0) {
            struct ocelli_tensor *t = ocelli_plan_tensor(plan, port.name);
            err = ocelli_tensor_write(t, in[i], ocelli_tensor_bytes(t));
        }
    }
    if (!err && (err = ocelli_plan_run(plan)) == 0) {
        struct ocelli_tensor *t = ocelli_plan_tensor(plan, "y");
        err = ocelli_tensor_read(t, out, ocelli_tensor_bytes(t));
    }
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(g);
    return err;
}

static inline void lecture_print(const char *title, const float *map, int height, int width)
{
    printf("%s\n", title);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++)
            printf("%6g", (double)map[y * width + x]);
        printf("\n");
    }
}

static uint64_t lecture_state = 1;

/* A different number at each call, the same in each run of the program. */
static inline uint32_t lecture_random(void)
{
    lecture_state = lecture_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(lecture_state >> 33);
}

static inline void lecture_restart(void)
{
    lecture_state = 1;
}

/* A digit of seven bars near the middle of a size x size image (16 at least), with noise; 0 to 1.
 */
static inline void lecture_digit(float *image, int size, int digit)
{
    /* Bars of each digit, bit 0 first: top, upper left, upper right, middle, lower left, lower
     * right, bottom. */
    static const unsigned char bars[10] = {0x77, 0x24, 0x5d, 0x6d, 0x2e,
                                           0x6b, 0x7b, 0x25, 0x7f, 0x6f};
    static const unsigned char box[7][4] = {/* y, x, height, width */
                                            {0, 1, 1, 4}, {1, 0, 4, 1}, {1, 5, 4, 1}, {5, 1, 1, 4},
                                            {6, 0, 4, 1}, {6, 5, 4, 1}, {10, 1, 1, 4}};
    int s = size / 14; /* pixels that a bar is thick */
    int top = (size - 11 * s) / 2 - 1 + (int)(lecture_random() % 3);
    int left = (size - 6 * s) / 2 - 1 + (int)(lecture_random() % 3);
    for (int i = 0; i < size * size; i++)
        image[i] = (float)(lecture_random() % 1000) / 4000;
    for (int b = 0; b < 7; b++)
        for (int y = 0; bars[digit] >> b & 1 && y < box[b][2] * s; y++)
            for (int x = 0; x < box[b][3] * s; x++)
                image[(top + box[b][0] * s + y) * size + left + box[b][1] * s + x] += 0.7f;
}

/* One image with its label: drawn, or any of the dataset's. size x size, grey, 0 to 1. */
static inline int lecture_image(const struct ocelli_dataset *data, int size, float *image,
                                int32_t *label)
{
    uint8_t pixels[4096];
    int class, err;
    if (!data) {
        *label = (int32_t)(lecture_random() % 10);
        lecture_digit(image, size, *label);
        return 0;
    }
    const struct ocelli_dataset_info *info = ocelli_dataset_get_info(data);
    if (info->channels != 1 || info->height != size || info->width != size || size > 64)
        return OCELLI_ERR_SHAPE;
    err = ocelli_dataset_get(data, lecture_random() % info->count, pixels, &class);
    for (int i = 0; !err && i < size * size; i++)
        image[i] = (float)pixels[i] / 255;
    *label = class;
    return err;
}

/* One training step on new images: the plan's inputs "image", "labels" and "lr" are filled; loss
 * receives the mean of output "loss", and right, where it is not NULL, the sum of output "correct".
 */
static inline int lecture_step(struct ocelli_plan *plan, const struct ocelli_dataset *data,
                               int batch, int size, float lr, float *loss, float *right)
{
    float *image = calloc((size_t)(batch * size * size), sizeof(*image));
    float *result = calloc((size_t)batch, sizeof(*result));
    int32_t *label = calloc((size_t)batch, sizeof(*label));
    const size_t bytes = (size_t)batch * sizeof(float);
    int err = image && result && label ? 0 : OCELLI_ERR_MEMORY;

    for (int i = 0; !err && i < batch; i++)
        err = lecture_image(data, size, image + i * size * size, &label[i]);
    if (err ||
        (err = ocelli_tensor_write(ocelli_plan_tensor(plan, "image"), image,
                                   bytes * (size_t)(size * size))) ||
        (err = ocelli_tensor_write(ocelli_plan_tensor(plan, "labels"), label, bytes)) ||
        (err = ocelli_tensor_write(ocelli_plan_tensor(plan, "lr"), &lr, sizeof(lr))) ||
        (err = ocelli_plan_run(plan)) ||
        (err = ocelli_tensor_read(ocelli_plan_tensor(plan, "loss"), result, bytes)))
        goto out;
    *loss = 0;
    for (int i = 0; i < batch; i++)
        *loss += result[i] / (float)batch;
    if (right &&
        (err = ocelli_tensor_read(ocelli_plan_tensor(plan, "correct"), result, bytes)) == 0) {
        *right = 0;
        for (int i = 0; i < batch; i++)
            *right += result[i];
    }
out:
    free(image);
    free(result);
    free(label);
    return err;
}

#endif
