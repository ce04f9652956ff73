/* JPEG and PNG: from memory, with small limits, as the size of a picture is not that of its file.
 */
#include <ocelli/image.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ocelli_image *image;

    for (int plain = 0; plain < 2; plain++) {
        struct ocelli_image_params p = {.max_pixels = 1 << 18, .max_bytes = 1 << 24};
        p.drop_alpha = p.no_orientation = plain != 0;
        fuzz_begin(size);
        int err = ocelli_image_parse(&image, "input", data, size, &p);
        fuzz_end();
        FUZZ_CHECK((err != 0) == (image == NULL));
        if (!err) {
            size_t pixels = (size_t)image->width * (size_t)image->height;
            FUZZ_CHECK(image->width > 0 && image->height > 0 && pixels <= p.max_pixels);
            FUZZ_CHECK(image->channels == 1 || image->channels == 3);
            fuzz_touch(image->pixels, pixels * (size_t)image->channels);
        }
        ocelli_image_destroy(&image);
    }
    return 0;
}
