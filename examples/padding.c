/* Padding and strides: how large a map becomes, (N + 2 P - F) / S + 1, and what is at its edges.
 *
 *     padding
 */
#include "lecture.h"

/* Images of n x n pixels, filters of f x f. */
static const struct {
    int n, f, pad, stride, want;
    const char *why;
} cases[] = {
    {7, 3, 0, 1, 5, "the map is smaller than the image"},
    {7, 3, 1, 1, 7, "padding by (F - 1) / 2 keeps the size"},
    {7, 3, 0, 2, 3, "every second position"},
    {7, 3, 1, 3, 3, "7 + 2 - 3 is divisible by 3"},
    {7, 3, 0, 3, 0, "(7 - 3) / 3 is no whole number"},
    {32, 5, 2, 1, 32, "LeNet-5's first layer"},
    {227, 11, 0, 4, 55, "AlexNet's first layer"},
    {224, 7, 3, 2, 0, "ResNet's first layer leaves a column over"},
};

/* With `strict` a stride that does not divide is refused, else the rest is left over. */
static int map_size(int i, bool strict)
{
    struct ocelli_graph *g;
    const int n = cases[i].n, f = cases[i].f, p = cases[i].pad;
    if (ocelli_graph_create(&g))
        return -1;
    ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(1, 1, n, n));
    ocelli_value w = ocelli_input(g, "filter", OCELLI_F32, &OCELLI_SHAPE(1, 1, f, f));
    ocelli_value y =
        ocelli_conv2d(g, x, w,
                      &(struct ocelli_conv2d_params){
                          .pad = {p, p, p, p}, .stride = {cases[i].stride}, .strict = strict});
    int size = ocelli_graph_status(g) ? 0 : (int)ocelli_value_shape(g, y).dim[2];
    ocelli_graph_destroy(&g);
    return size;
}

/* Ones under a filter of ones: each number is how many pixels the filter saw. */
static int seen(struct ocelli_device *dev, int pad, int stride, int size)
{
    static const float ones[25] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                   1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    float y[25];
    char title[80];
    struct ocelli_graph *g;
    int err = ocelli_graph_create(&g);
    if (err)
        return err;
    ocelli_value x = ocelli_input(g, "image", OCELLI_F32, &OCELLI_SHAPE(1, 1, 5, 5));
    ocelli_value w = ocelli_input(g, "filter", OCELLI_F32, &OCELLI_SHAPE(1, 1, 3, 3));
    x = ocelli_conv2d(
        g, x, w, &(struct ocelli_conv2d_params){.pad = {pad, pad, pad, pad}, .stride = {stride}});
    if ((err = lecture_run(dev, &g, x, (const float *[]){ones, ones}, y)))
        return err;
    snprintf(title, sizeof(title),
             "pixels of a 5x5 image that a 3x3 filter sees, padding %d, stride %d", pad, stride);
    lecture_print(title, y, size, size);
    /* A corner has four of its nine pixels inside where the image was padded. */
    return y[0] == (pad ? 4 : 9) ? 0 : OCELLI_ERR_INVALID;
}

int main(void)
{
    struct ocelli_device *dev = NULL;
    int err = 0;

    printf("  N   F  P  S  map\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int exact = map_size((int)i, true), rounded = map_size((int)i, false);
        printf("%3d  %2d  %d  %d  %3d  %s%s\n", cases[i].n, cases[i].f, cases[i].pad,
               cases[i].stride, rounded, cases[i].why, exact ? "" : ": refused, or rounded down");
        if (exact != cases[i].want)
            return lecture_end("padding", OCELLI_ERR_INVALID);
    }
    if ((err = ocelli_device_open(&dev, NULL)) == 0 && (err = seen(dev, 0, 1, 3)) == 0 &&
        (err = seen(dev, 1, 1, 5)) == 0)
        err = seen(dev, 1, 2, 3);
    ocelli_device_close(&dev);
    return lecture_end("padding", err);
}
