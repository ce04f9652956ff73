#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <ocelli/image.h>

#include "base/file.h"
#include "pictures.h"
#include "tempdir.h"

static char dir[64], path[160];
static int silent, real_stderr;

/* Whatever a library says on standard error lands in a file, which must stay empty. */
static void setup(void)
{
    tempdir_make(dir);
    snprintf(path, sizeof(path), "%s/stderr", dir);
    real_stderr = dup(STDERR_FILENO);
    silent = open(path, O_CREAT | O_RDWR, 0600);
    ck_assert_int_ge(silent, 0);
    dup2(silent, STDERR_FILENO);
}

static void teardown(void)
{
    struct stat st = {0};
    fflush(stderr);
    dup2(real_stderr, STDERR_FILENO);
    fstat(silent, &st);
    close(silent);
    close(real_stderr);
    tempdir_remove(dir);
    ck_assert_int_eq(st.st_size, 0);
}

static const char *in_dir(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

/* From a copy of just that size: a sanitizer sees what is read behind it. */
static int parse(struct ocelli_image **out, const uint8_t *data, size_t n, const struct ocelli_image_params *p)
{
    uint8_t *copy = malloc(n + (n == 0));
    ck_assert_ptr_nonnull(copy);
    if (n)
        memcpy(copy, data, n);
    int err = ocelli_image_parse(out, "t", copy, n, p);
    free(copy);
    ck_assert((err == 0) == (*out != NULL));
    return err;
}

static struct ocelli_image *decode(struct bytes *b, const struct ocelli_image_params *p)
{
    struct ocelli_image *im;
    assert_ok(parse(&im, b->p, b->n, p));
    free(b->p);
    *b = (struct bytes){0};
    return im;
}

static void check_pixel(const struct ocelli_image *im, int y, int x, int r, int g, int b, int within)
{
    const int want[3] = {r, g, b};
    for (int c = 0; c < im->channels; c++) {
        int got = im->pixels[((size_t)y * (size_t)im->width + (size_t)x) * (size_t)im->channels + (size_t)c];
        ck_assert_msg(abs(got - want[c]) <= within, "pixel %d,%d channel %d: %d, not %d", y, x, c, got, want[c]);
    }
}

static void check_size(const struct ocelli_image *im, int width, int height, int channels)
{
    ck_assert_int_eq(im->width, width);
    ck_assert_int_eq(im->height, height);
    ck_assert_int_eq(im->channels, channels);
}

/* ---- JPEG ---- */

#define W 24
#define H 16

/* Two colours: left 16 columns and the others; so that no 8x8 block has an edge in it. */
static const uint8_t *two_colours(int channels, const uint8_t *left, const uint8_t *right)
{
    static uint8_t p[W * H * 4];
    for (int i = 0; i < W * H; i++)
        memcpy(p + i * channels, i % W < 16 ? left : right, (size_t)channels);
    return p;
}

START_TEST(test_jpeg_colours)
{
    static const uint8_t left[3] = {200, 30, 60}, right[3] = {10, 220, 130};
    const struct jpeg_kind kinds[] = {
        {W, H, 3, JCS_RGB, JCS_YCbCr, .adobe = false},
        {W, H, 3, JCS_RGB, JCS_YCbCr, .progressive = true},
        {W, H, 3, JCS_RGB, JCS_YCbCr, .arithmetic = true},
        {W, H, 3, JCS_RGB, JCS_YCbCr, .separate = true},
        {W, H, 3, JCS_RGB, JCS_RGB, .adobe = true},
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct bytes b = jpeg_make(&kinds[i], two_colours(3, left, right));
        struct ocelli_image *im = decode(&b, NULL);
        check_size(im, W, H, 3);
        check_pixel(im, 0, 0, 200, 30, 60, 2);
        check_pixel(im, 15, 15, 200, 30, 60, 2);
        check_pixel(im, 8, 16, 10, 220, 130, 2);
        check_pixel(im, 15, 23, 10, 220, 130, 2);
        ocelli_image_destroy(&im);
        ck_assert_ptr_null(im);
    }
}
END_TEST

START_TEST(test_jpeg_grey)
{
    struct bytes b = jpeg_make(&(struct jpeg_kind){W, H, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, .adobe = false},
                               two_colours(1, (const uint8_t[]){77}, (const uint8_t[]){180}));
    struct ocelli_image *im = decode(&b, NULL);
    check_size(im, W, H, 1);
    check_pixel(im, 3, 3, 77, 0, 0, 1);
    check_pixel(im, 3, 20, 180, 0, 0, 1);
    ocelli_image_destroy(&im);
}
END_TEST

/* Adobe's files hold what is left of the light, others the ink. */
START_TEST(test_jpeg_inks)
{
    static const uint8_t ink[4] = {40, 100, 200, 30}, none[4] = {0, 0, 0, 0};
    uint8_t inverted[4], white[4] = {255, 255, 255, 255};
    for (int c = 0; c < 4; c++)
        inverted[c] = (uint8_t)(255 - ink[c]);
    for (int i = 0; i < 3; i++) {
        const struct jpeg_kind k = {W, H, 4, JCS_CMYK, i == 2 ? JCS_YCCK : JCS_CMYK, .adobe = i > 0};
        struct bytes b = jpeg_make(&k, i ? two_colours(4, inverted, white) : two_colours(4, ink, none));
        struct ocelli_image *im = decode(&b, NULL);
        check_size(im, W, H, 3);
        check_pixel(im, 5, 5, 215 * 225 / 255, 155 * 225 / 255, 55 * 225 / 255, 2);
        check_pixel(im, 5, 20, 255, 255, 255, 2);
        ocelli_image_destroy(&im);
    }
}
END_TEST

/* The left part on top says 6 (a quarter turn to the right) and 8 the other way. */
START_TEST(test_jpeg_orientation)
{
    static const uint8_t left[3] = {200, 30, 60}, right[3] = {10, 220, 130};
    for (int i = 0; i < 4; i++) {
        const struct jpeg_kind k = {W, H, 3, JCS_RGB, JCS_YCbCr, .orientation = i & 1 ? 6 : 8,
                                    .big_endian = i & 2};
        struct bytes b = jpeg_make(&k, two_colours(3, left, right)), same = {0};
        bytes_add(&same, b.p, b.n);
        struct ocelli_image *im = decode(&b, NULL);
        check_size(im, H, W, 3);
        check_pixel(im, i & 1 ? 0 : W - 1, 0, 200, 30, 60, 2);
        check_pixel(im, i & 1 ? W - 1 : 0, 0, 10, 220, 130, 2);
        ocelli_image_destroy(&im);
        im = decode(&same, &(struct ocelli_image_params){.no_orientation = true});
        check_size(im, W, H, 3);
        ocelli_image_destroy(&im);
    }
}
END_TEST

/* ---- PNG ---- */

/* Every byte another one. */
static const uint8_t *ramp(void)
{
    static uint8_t p[4096];
    for (size_t i = 0; i < sizeof(p); i++)
        p[i] = (uint8_t)(i * 37 + i / 256 * 11);
    return p;
}

START_TEST(test_png_plain)
{
    for (int i = 0; i < 8; i++) {
        const bool interlaced = i & 1, grey = i & 2;
        const int depth = i & 4 ? 16 : 8, channels = grey ? 1 : 3, w = 13, h = 9;
        const size_t stride = (size_t)(w * channels * depth / 8);
        const struct png_kind k = {w, h, grey ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, depth, interlaced, 0, -1};
        struct bytes b = png_make(&k, ramp(), stride);
        struct ocelli_image *im = decode(&b, NULL);
        check_size(im, w, h, channels);
        for (int e = 0; e < w * h * channels; e++) {
            int v = depth == 8 ? ramp()[e] : ramp()[2 * e] << 8 | ramp()[2 * e + 1];
            int want = depth == 8 ? v : (v * 255 + 32767) / 65535;
            ck_assert_msg(im->pixels[e] == want, "%d: element %d: %d, not %d", i, e, im->pixels[e], want);
        }
        ocelli_image_destroy(&im);
    }
}
END_TEST

/* Few bits: level v of n bits is v 255 / (2^n - 1); or an entry of the palette. */
START_TEST(test_png_packed)
{
    for (int i = 0; i < 7; i++) {
        static const int depths[] = {1, 2, 4};
        const int depth = i == 6 ? 8 : depths[i % 3], w = 11, h = 5;
        const bool palette = i >= 3;
        const size_t stride = ((size_t)w * (size_t)depth + 7) / 8;
        const struct png_kind k = {w, h, palette ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_GRAY, depth, i & 1, 0, -1};
        struct bytes b = png_make(&k, ramp(), stride);
        struct ocelli_image *im = decode(&b, NULL);
        check_size(im, w, h, palette ? 3 : 1);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                int byte = ramp()[(size_t)y * stride + (size_t)(x * depth / 8)];
                int v = byte >> (8 - depth - x * depth % 8) & ((1 << depth) - 1);
                if (palette)
                    check_pixel(im, y, x, v, 2 * v % 256, 255 - v, 0);
                else
                    check_pixel(im, y, x, v * 255 / ((1 << depth) - 1), 0, 0, 0);
            }
        ocelli_image_destroy(&im);
    }
}
END_TEST

/* v seen through opacity a on white. */
static int on_white(int v, int a)
{
    return (v * a + 255 * (255 - a) + 127) / 255;
}

START_TEST(test_png_opacity)
{
    for (int i = 0; i < 4; i++) {
        const bool grey = i & 1, plain = i & 2;
        const int c = grey ? 1 : 3, w = 7, h = 5;
        const struct png_kind k = {w, h, grey ? PNG_COLOR_TYPE_GRAY_ALPHA : PNG_COLOR_TYPE_RGB_ALPHA, 8, grey, 0, -1};
        struct bytes b = png_make(&k, ramp(), (size_t)(w * (c + 1)));
        struct ocelli_image *im = decode(&b, &(struct ocelli_image_params){.drop_alpha = plain});
        check_size(im, w, h, c);
        for (int e = 0; e < w * h * c; e++) {
            const uint8_t *p = ramp() + e / c * (c + 1);
            ck_assert_int_eq(im->pixels[e], plain ? p[e % c] : on_white(p[e % c], p[c]));
        }
        ocelli_image_destroy(&im);
    }
}
END_TEST

START_TEST(test_png_transparent_colour)
{
    const struct png_kind k = {16, 8, PNG_COLOR_TYPE_PALETTE, 4, false, 0, 5};
    struct bytes b = png_make(&k, ramp(), 8);
    struct ocelli_image *im = decode(&b, NULL);
    int seen = 0;
    check_size(im, 16, 8, 3);
    for (int i = 0; i < 16 * 8; i++) {
        int v = ramp()[i / 2] >> (i & 1 ? 0 : 4) & 15, a = v == 5 ? 128 : 255;
        seen += v == 5;
        check_pixel(im, i / 16, i % 16, on_white(v, a), on_white(2 * v, a), on_white(255 - v, a), 0);
    }
    ck_assert_int_gt(seen, 0);
    ocelli_image_destroy(&im);
    const struct png_kind grey = {16, 8, PNG_COLOR_TYPE_GRAY, 8, false, 0, 37}; /* ramp()[1] */
    b = png_make(&grey, ramp(), 16);
    im = decode(&b, NULL);
    check_size(im, 16, 8, 1);
    check_pixel(im, 0, 1, 255, 0, 0, 0);
    check_pixel(im, 0, 2, 74, 0, 0, 0);
    ocelli_image_destroy(&im);
}
END_TEST

/* Where pixel (row, column) of the stored picture is seen, from the side of it that EXIF names for each value:
 * row 0 is the top, the bottom, the left or the right; so is column 0. */
START_TEST(test_orientations)
{
    static const struct {
        char row0, column0;
    } sides[] = {{'t', 'l'}, {'t', 'r'}, {'b', 'r'}, {'b', 'l'}, {'l', 't'}, {'r', 't'}, {'r', 'b'}, {'l', 'b'}};
    const int w = 5, h = 3;
    const struct png_kind k = {w, h, PNG_COLOR_TYPE_RGB, 8, false, _i + 1, -1};
    struct bytes b = png_make(&k, ramp(), (size_t)(w * 3));
    struct ocelli_image *im = decode(&b, NULL);
    const bool turned = _i >= 4;
    check_size(im, turned ? h : w, turned ? w : h, 3);
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++) {
            char r = sides[_i].row0, c = sides[_i].column0;
            int y = r == 't' ? i : r == 'b' ? h - 1 - i : c == 't' ? j : w - 1 - j;
            int x = r == 'l' ? i : r == 'r' ? h - 1 - i : c == 'l' ? j : w - 1 - j;
            const uint8_t *p = ramp() + (i * w + j) * 3;
            check_pixel(im, y, x, p[0], p[1], p[2], 0);
        }
    ocelli_image_destroy(&im);
}
END_TEST

/* ---- What is wrong ---- */

START_TEST(test_other_files)
{
    static const struct {
        const char *data;
        size_t n;
        int code;
        const char *words;
    } files[] = {
        {"", 0, OCELLI_ERR_FORMAT, "t: neither a JPEG nor a PNG picture: the file is empty"},
        {"\xff\xd8", 2, OCELLI_ERR_FORMAT, "neither"},
        {"hello, world", 12, OCELLI_ERR_FORMAT, "neither"},
        {"GIF89a..", 8, OCELLI_ERR_UNSUPPORTED, "t: a GIF picture"},
        {"RIFF....WEBPVP8 ", 16, OCELLI_ERR_UNSUPPORTED, "WebP"},
        {"II*\0....", 8, OCELLI_ERR_UNSUPPORTED, "TIFF"},
        {"MM\0*....", 8, OCELLI_ERR_UNSUPPORTED, "TIFF"},
        {"BM......", 8, OCELLI_ERR_UNSUPPORTED, "BMP"},
        {"....ftypheic", 12, OCELLI_ERR_UNSUPPORTED, "HEIF"},
        {"....ftypavif", 12, OCELLI_ERR_UNSUPPORTED, "AVIF"},
        {"\xff\xd8\xff\xe0", 4, OCELLI_ERR_FORMAT, "t: truncated at byte 4"},
        {"\x89PNG\r\n\x1a\n", 8, OCELLI_ERR_FORMAT, "t: truncated at byte 8"},
    };
    struct ocelli_image *im;
    for (size_t i = 0; i < COUNT(files); i++)
        assert_fails(parse(&im, (const uint8_t *)files[i].data, files[i].n, NULL), files[i].code,
                     files[i].words);
    assert_fails(ocelli_image_parse(&im, NULL, NULL, 3, NULL), OCELLI_ERR_INVALID, "no data");
    assert_fails(ocelli_image_read(&im, in_dir("none.png"), NULL), OCELLI_ERR_IO, "none.png: cannot open");
    ck_assert_ptr_null(im);
}
END_TEST

static struct bytes sample(int i)
{
    static const uint8_t left[3] = {200, 30, 60}, right[3] = {10, 220, 130};
    const struct png_kind rgb = {11, 9, PNG_COLOR_TYPE_RGB, 8, false, 0, -1},
                          packed = {11, 9, PNG_COLOR_TYPE_PALETTE, 4, true, 3, 2};
    const struct jpeg_kind plain = {W, H, 3, JCS_RGB, JCS_YCbCr, .orientation = 5},
                           progressive = {W, H, 3, JCS_RGB, JCS_YCbCr, .progressive = true},
                           inks = {W, H, 4, JCS_CMYK, JCS_YCCK, .adobe = true};
    switch (i) {
    case 0:
        return png_make(&rgb, ramp(), 33);
    case 1:
        return png_make(&packed, ramp(), 6);
    case 2:
        return jpeg_make(&plain, two_colours(3, left, right));
    case 3:
        return jpeg_make(&progressive, ramp());
    default:
        return jpeg_make(&inks, ramp());
    }
}

START_TEST(test_limits)
{
    struct ocelli_image *im;
    for (int i = 0; i < 5; i++) {
        struct bytes b = sample(i);
        const uint64_t pixels = i < 2 ? 99 : W * H;
        assert_fails(parse(&im, b.p, b.n, &(struct ocelli_image_params){.max_pixels = pixels - 1}),
                     OCELLI_ERR_INVALID, "above the limit of");
        assert_ok(parse(&im, b.p, b.n, &(struct ocelli_image_params){.max_pixels = pixels}));
        ocelli_image_destroy(&im);
        assert_ok(file_replace(in_dir("x"), b.p, b.n, 0600));
        assert_fails(ocelli_image_read(&im, path, &(struct ocelli_image_params){.max_bytes = b.n - 1}),
                     OCELLI_ERR_FORMAT, "larger than the limit");
        assert_ok(ocelli_image_read(&im, path, &(struct ocelli_image_params){.max_bytes = b.n}));
        ocelli_image_destroy(&im);
        free(b.p);
    }
}
END_TEST

/* A header that claims more than the file can hold is refused before memory is asked for. */
START_TEST(test_claims)
{
    struct ocelli_image *im;
    const uint32_t sides[] = {16000, 0x7fffffff, 0xffffffff, 0};
    for (size_t i = 0; i < COUNT(sides); i++) {
        struct bytes b = sample(0);
        for (int k = 0; k < 8; k++)
            b.p[16 + k] = (uint8_t)(sides[i] >> (8 * (3 - k % 4)));
        uint32_t crc = (uint32_t)crc32(0, b.p + 12, 17);
        for (int k = 0; k < 4; k++)
            b.p[29 + k] = (uint8_t)(crc >> (8 * (3 - k)));
        int err = parse(&im, b.p, b.n, NULL);
        ck_assert_int_eq(err, i == 1 ? OCELLI_ERR_INVALID : OCELLI_ERR_FORMAT);
        if (i < 2)
            ck_assert_msg(strstr(ocelli_error(), i ? "above the limit" : "cannot come from") != NULL, "%s",
                          ocelli_error());
        free(b.p);
    }
    struct bytes b = sample(2);
    size_t at = 0;
    while (at + 9 < b.n && !(b.p[at] == 0xff && b.p[at + 1] == 0xc0))
        at++;
    memset(b.p + at + 5, 0x3e, 4);
    assert_fails(parse(&im, b.p, b.n, NULL), OCELLI_ERR_FORMAT, "15934x15934 pixels cannot come from");
    free(b.p);
}
END_TEST

START_TEST(test_truncated)
{
    struct bytes b = sample(_i);
    struct ocelli_image *im;
    assert_ok(parse(&im, b.p, b.n, NULL));
    ocelli_image_destroy(&im);
    for (size_t n = 0; n < b.n; n++) {
        ck_assert_msg(parse(&im, b.p, n, NULL) == OCELLI_ERR_FORMAT, "%zu of %zu bytes: %s", n, b.n,
                      im ? "a picture" : ocelli_error());
        ck_assert_msg(strncmp(ocelli_error(), "t: ", 3) == 0, "%s", ocelli_error());
    }
    free(b.p);
}
END_TEST

START_TEST(test_flipped)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    struct bytes b = sample(_i);
    size_t failed = 0;
    for (size_t at = 0; at < b.n; at++)
        for (size_t m = 0; m < COUNT(masks); m++) {
            struct ocelli_image *im;
            b.p[at] ^= masks[m];
            failed += parse(&im, b.p, b.n, NULL) != 0;
            ocelli_image_destroy(&im);
            b.p[at] ^= masks[m];
        }
    ck_assert_uint_gt(failed, b.n / 8);
    free(b.p);
}
END_TEST

/* Scans cost time, however short they are. */
START_TEST(test_scans)
{
    const struct jpeg_kind k = {W, H, 3, JCS_RGB, JCS_YCbCr, .separate = true};
    struct bytes b = jpeg_make(&k, ramp()), many = {0};
    struct ocelli_image *im;
    size_t last = 0, end = b.n - 2;
    for (size_t at = 2; at + 1 < b.n; at++)
        if (b.p[at] == 0xff && b.p[at + 1] == 0xda)
            last = at;
    ck_assert_uint_gt(last, 0);
    bytes_add(&many, b.p, end);
    for (int scans = 3; scans < 99; scans++)
        bytes_add(&many, b.p + last, end - last);
    bytes_add(&many, b.p + end, 2);
    assert_ok(parse(&im, many.p, many.n, NULL));
    ocelli_image_destroy(&im);
    many.n -= 2;
    for (int i = 0; i < 2; i++)
        bytes_add(&many, b.p + last, end - last);
    bytes_add(&many, b.p + end, 2);
    assert_fails(parse(&im, many.p, many.n, NULL), OCELLI_ERR_FORMAT, "more than 100 scans");
    free(b.p);
    free(many.p);
}
END_TEST

/* ---- Writing ---- */

START_TEST(test_write)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        struct ocelli_image im = {17, 6, channels, (uint8_t *)ramp()}, *back;
        assert_ok(ocelli_image_write(&im, in_dir("a.png")));
        assert_ok(ocelli_image_read(&back, path, NULL));
        check_size(back, 17, 6, channels);
        ck_assert(memcmp(back->pixels, ramp(), (size_t)(17 * 6 * channels)) == 0);
        ocelli_image_destroy(&back);
    }
    ck_assert_int_eq(tempdir_entries(dir), 2); /* and stderr */
    struct ocelli_image wrong = {17, 6, 2, (uint8_t *)ramp()};
    assert_fails(ocelli_image_write(&wrong, path), OCELLI_ERR_INVALID, "no picture");
    assert_fails(ocelli_image_write(NULL, path), OCELLI_ERR_INVALID, "no picture");
    wrong.channels = 1;
    assert_fails(ocelli_image_write(&wrong, in_dir("no/such/a.png")), OCELLI_ERR_IO, "no/such");
    ck_assert_int_eq(tempdir_entries(dir), 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("image");
    TCase *t = tcase_create("image");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_jpeg_colours);
    tcase_add_test(t, test_jpeg_grey);
    tcase_add_test(t, test_jpeg_inks);
    tcase_add_test(t, test_jpeg_orientation);
    tcase_add_test(t, test_png_plain);
    tcase_add_test(t, test_png_packed);
    tcase_add_test(t, test_png_opacity);
    tcase_add_test(t, test_png_transparent_colour);
    tcase_add_loop_test(t, test_orientations, 0, 8);
    tcase_add_test(t, test_other_files);
    tcase_add_test(t, test_limits);
    tcase_add_test(t, test_claims);
    tcase_add_loop_test(t, test_truncated, 0, 5);
    tcase_add_loop_test(t, test_flipped, 0, 5);
    tcase_add_test(t, test_scans);
    tcase_add_test(t, test_write);
    suite_add_tcase(s, t);
    return run_suite(s);
}
