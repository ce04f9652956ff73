/* Pictures: telling the formats apart, limits, orientation. */
#include "formats/image.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define MAX_PIXELS ((uint64_t)1 << 28)
#define MAX_FILE ((uint64_t)1 << 30)

/* ---- Which format ---- */

/* `at`: where the mark is. Without a reader: named, so that the message helps. */
static const struct format {
    const char *name, *mark;
    size_t at, len;
    int (*read)(struct image_source *s);
} formats[] = {
    {"JPEG", "\xff\xd8\xff", 0, 3, jpeg_read},
    {"PNG", "\x89PNG\r\n\x1a\n", 0, 8, png_read},
    {"GIF", "GIF8", 0, 4, NULL},
    {"WebP", "WEBP", 8, 4, NULL},
    {"TIFF", "II*\0", 0, 4, NULL},
    {"TIFF", "MM\0*", 0, 4, NULL},
    {"HEIF", "ftyphei", 4, 7, NULL},
    {"HEIF", "ftypmif1", 4, 8, NULL},
    {"AVIF", "ftypavif", 4, 8, NULL},
    {"JPEG 2000", "\0\0\0\x0cjP  ", 0, 8, NULL},
    {"JPEG XL", "\0\0\0\x0cJXL ", 0, 8, NULL},
    {"BMP", "BM", 0, 2, NULL},
};

static const struct format *format_of(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < COUNT(formats); i++)
        if (bytes >= formats[i].at + formats[i].len &&
            memcmp(data + formats[i].at, formats[i].mark, formats[i].len) == 0)
            return &formats[i];
    return NULL;
}

/* ---- Limits ---- */

int image_set_size(struct image_source *s, uint64_t width, uint64_t height, size_t packing)
{
    uint64_t most;

    if (width < 1 || height < 1 || width > INT32_MAX || height > INT32_MAX)
        return fail(OCELLI_ERR_FORMAT, "%s: a picture of %llux%llu pixels", s->name,
                    (unsigned long long)width, (unsigned long long)height);
    if (width * height > s->limits.max_pixels || width * height > SIZE_MAX / 8)
        return fail(OCELLI_ERR_INVALID, "%s: %llux%llu pixels are above the limit of %llu", s->name,
                    (unsigned long long)width, (unsigned long long)height,
                    (unsigned long long)s->limits.max_pixels);
    if (packing && !__builtin_mul_overflow((uint64_t)s->bytes, packing, &most) &&
        width * height > most)
        return fail(OCELLI_ERR_FORMAT, "%s: truncated: %llux%llu pixels cannot come from %zu bytes",
                    s->name, (unsigned long long)width, (unsigned long long)height, s->bytes);
    s->image->width = (int)width;
    s->image->height = (int)height;
    return 0;
}

int image_allocate(struct image_source *s, int channels, int bytes_each)
{
    struct ocelli_image *im = s->image;

    im->channels = channels;
    im->pixels = malloc((size_t)im->width * (size_t)im->height * (size_t)bytes_each);
    return im->pixels ? 0 : fail_memory();
}

/* Two copies of a picture, while it is turned, in a quarter of the memory. */
static uint64_t default_pixels(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    const uint64_t fit =
        pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes / 4 / 8 : MAX_PIXELS;
    return MIN(fit, MAX_PIXELS);
}

/* ---- Orientation ---- */

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3

int exif_orientation(const uint8_t *d, size_t n)
{
    if (n < 8 || (memcmp(d, "II*\0", 4) != 0 && memcmp(d, "MM\0*", 4) != 0))
        return 0;
    const int low = d[0] == 'M', high = !low; /* which byte of two */
    size_t at = low ? (size_t)d[4] << 24 | (size_t)d[5] << 16 | (size_t)d[6] << 8 | d[7]
                    : (size_t)d[7] << 24 | (size_t)d[6] << 16 | (size_t)d[5] << 8 | d[4];
    if (at > n - 2)
        return 0;
    size_t entries = (size_t)d[at + (size_t)high] << 8 | d[at + (size_t)low];
    for (at += 2; entries > 0 && n - at >= 12; entries--, at += 12) {
        const uint8_t *e = d + at;
        int tag = e[high] << 8 | e[low], type = e[2 + high] << 8 | e[2 + low];
        if (tag != TAG_ORIENTATION)
            continue;
        int v = e[8 + high] << 8 | e[8 + low];
        return type == TYPE_SHORT && v >= 1 && v <= 8 ? v : 0;
    }
    return 0;
}

/* Where row 0 and column 0 of what is stored belong, as EXIF 2.3 lists it: 5 to 8 exchange rows and
 * columns. */
static int orient(struct image_source *s)
{
    struct ocelli_image *im = s->image;
    const int o = s->orientation, c = im->channels;
    const bool swap = o >= 5, right = o == 2 || o == 3 || o == 6 || o == 7,
               bottom = o == 3 || o == 4 || o == 7 || o == 8;
    const size_t w = (size_t)(swap ? im->height : im->width),
                 h = (size_t)(swap ? im->width : im->height);

    if (o < 2 || s->limits.no_orientation)
        return 0;
    uint8_t *turned = malloc(w * h * (size_t)c);
    if (!turned)
        return fail_memory();
    const uint8_t *from = im->pixels;
    for (size_t i = 0; i < (size_t)im->height; i++)
        for (size_t j = 0; j < (size_t)im->width; j++, from += c) {
            size_t y = swap ? j : i, x = swap ? i : j;
            y = bottom ? h - 1 - y : y;
            x = right ? w - 1 - x : x;
            memcpy(turned + (y * w + x) * (size_t)c, from, (size_t)c);
        }
    free(im->pixels);
    im->pixels = turned;
    im->width = (int)w;
    im->height = (int)h;
    return 0;
}

/* ---- Public ---- */

int ocelli_image_parse(struct ocelli_image **out, const char *name, const void *data, size_t bytes,
                       const struct ocelli_image_params *p)
{
    struct image_source s = {.name = name ? name : "picture", .data = data, .bytes = bytes};
    int err = 0;

    *out = NULL;
    if (!data)
        return fail(OCELLI_ERR_INVALID, "%s: no data", s.name);
    if (p)
        s.limits = *p;
    if (!s.limits.max_pixels)
        s.limits.max_pixels = default_pixels();
    const struct format *f = format_of(data, bytes);
    if (!f)
        return fail(OCELLI_ERR_FORMAT, "%s: neither a JPEG nor a PNG picture%s", s.name,
                    bytes ? "" : ": the file is empty");
    if (!f->read)
        return fail(OCELLI_ERR_UNSUPPORTED, "%s: a %s picture; only JPEG and PNG are read", s.name,
                    f->name);
    if (!(s.image = calloc(1, sizeof(*s.image))))
        return fail_memory();
    TRY(f->read(&s));
    TRY(orient(&s));
    *out = s.image;
    s.image = NULL;
out:
    ocelli_image_destroy(&s.image);
    return err;
}

int ocelli_image_read(struct ocelli_image **out, const char *path,
                      const struct ocelli_image_params *p)
{
    uint64_t limit = p && p->max_bytes ? p->max_bytes : MAX_FILE;
    char *file;
    size_t bytes;
    int err;

    *out = NULL;
    if ((err = file_read(path, (size_t)MIN(limit, (uint64_t)SIZE_MAX / 4), &file, &bytes)) != 0)
        return err;
    err = ocelli_image_parse(out, path, file, bytes, p);
    free(file);
    return err;
}

void ocelli_image_destroy(struct ocelli_image **image)
{
    if (!image || !*image)
        return;
    free((*image)->pixels);
    free(*image);
    *image = NULL;
}
