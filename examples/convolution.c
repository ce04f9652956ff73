/* The lecture's convolution: a 6x6 image, two 3x3 filters, once by hand and once by the library;
 * then the edge detector in a row of pixels.
 *
 *     convolution
 */
#include "lecture.h"

/* A diagonal and a column, ones on zeros. */
static const float image[6 * 6] = {
    1, 0, 0, 0, 0, 1, /**/
    0, 1, 0, 0, 1, 0, /**/
    0, 0, 1, 1, 0, 0, /**/
    1, 0, 0, 0, 1, 0, /**/
    0, 1, 0, 0, 1, 0, /**/
    0, 0, 1, 0, 1, 0,
};
static const float filters[2][3 * 3] = {
    {1, -1, -1, -1, 1, -1, -1, -1, 1}, /* answers to the diagonal */
    {-1, 1, -1, -1, 1, -1, -1, 1, -1}, /* answers to the column */
};

/* Each pixel under the filter times the filter's number there, summed up. The filter is not
 * flipped: what networks call convolution is cross-correlation. */
static void by_hand(const float *x, int size, const float *w, int filter, float *y)
{
    int out = size - filter + 1;
    for (int oy = 0; oy < out; oy++)
        for (int ox = 0; ox < out; ox++) {
            float sum = 0;
            for (int r = 0; r < filter; r++)
                for (int s = 0; s < filter; s++)
                    sum += x[(oy + r) * size + ox + s] * w[r * filter + s];
            y[oy * out + ox] = sum;
        }
}

static int by_library(struct ocelli_device *dev, const float *x, struct ocelli_shape image_shape,
                      const float *w, struct ocelli_shape filter_shape, float *y)
{
    struct ocelli_graph *g;
    int err = ocelli_graph_create(&g);
    if (err)
        return err;
    ocelli_value a = ocelli_input(g, "image", OCELLI_F32, &image_shape);
    ocelli_value b = ocelli_input(g, "filters", OCELLI_F32, &filter_shape);
    return lecture_run(dev, &g, ocelli_conv2d(g, a, b, NULL), (const float *[]){x, w}, y);
}

/* Where a bar of zeros begins the difference of neighbours is 1, where it ends -1. */
static int edges(struct ocelli_device *dev)
{
    static const float row[8] = {1, 1, 0, 0, 0, 0, 1, 1}, filter[2] = {1, -1};
    static const float want[7] = {0, 1, 0, 0, 0, -1, 0};
    float y[7];
    int err = by_library(dev, row, OCELLI_SHAPE(1, 1, 1, 8), filter, OCELLI_SHAPE(1, 1, 1, 2), y);
    if (err)
        return err;
    lecture_print("a row of pixels", row, 1, 8);
    lecture_print("its edges, by the filter 1 -1", y, 1, 7);
    return memcmp(y, want, sizeof(y)) ? OCELLI_ERR_INVALID : 0;
}

int main(void)
{
    struct ocelli_device *dev = NULL;
    float hand[2][16], library[2][16];
    int err = ocelli_device_open(&dev, NULL);

    if (err || (err = by_library(dev, image, OCELLI_SHAPE(1, 1, 6, 6), filters[0],
                                 OCELLI_SHAPE(2, 1, 3, 3), library[0])))
        goto out;
    lecture_print("image", image, 6, 6);
    for (int f = 0; f < 2; f++) {
        by_hand(image, 6, filters[f], 3, hand[f]);
        lecture_print(f ? "filter 2" : "filter 1", filters[f], 3, 3);
        lecture_print("its map", hand[f], 4, 4);
        if (memcmp(hand[f], library[f], sizeof(hand[f])))
            err = OCELLI_ERR_INVALID;
    }
    printf("In print the first map ends in 1 and the second in 4: misprints, as the sums show\n"
           "(%g and %g).\n",
           (double)hand[0][15], (double)hand[1][15]);
    if (!err)
        err = edges(dev);
out:
    ocelli_device_close(&dev);
    return lecture_end("convolution", err);
}
