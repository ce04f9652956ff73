/* Preprocessing in words. */
#include <ocelli/preprocess.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/shape.h"

#define MAX_SIDE (1 << 20)
#define PHOTO_SIDE 64 /* smaller inputs are not photographs cut from the middle */

/* ---- Presets ---- */

enum geometry { STRETCH, STRETCH_CROP, COVER_CROP, SQUARE };

static const struct preset {
    const char *name;
    enum geometry geometry;
    struct ocelli_preprocess_params p;
} presets[] = {
    {"torchvision",
     COVER_CROP,
     {.scale = 1 / 255.0f, .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}}},
    {"caffe", STRETCH_CROP, {.bgr = true, .mean = {104, 117, 123}}},
    {"keras", SQUARE, {.scale = 1 / 127.5f, .mean = {1, 1, 1}}},
    {"[-1,1]", COVER_CROP, {.scale = 1 / 127.5f, .mean = {1, 1, 1}}},
    {"unit", STRETCH, {.scale = 1 / 255.0f}},
};

/* Before the middle is cut out: 8/7 of it, and 256 for AlexNet's 227 as for 224. */
static int larger(int side)
{
    return side == 227 ? 256 : (int)lround(side * 8 / 7.0);
}

static void apply(const struct preset *s, const int net[3], struct ocelli_preprocess_params *out)
{
    bool crop = s->geometry == STRETCH_CROP || s->geometry == COVER_CROP;
    *out = s->p;
    for (int d = 0; d < 2; d++) {
        out->crop[d] = net[1 + d];
        out->resize[d] = crop ? larger(net[1 + d]) : net[1 + d];
    }
    out->keep_ratio = s->geometry == COVER_CROP;
    out->square = s->geometry == SQUARE ? 0.875f : 0;
}

static const struct preset *find_preset(const char *text, size_t *len)
{
    for (size_t i = 0; i < COUNT(presets); i++) {
        *len = strlen(presets[i].name);
        if (strncmp(text, presets[i].name, *len) == 0 && (text[*len] == 0 || text[*len] == ','))
            return &presets[i];
    }
    return NULL;
}

/* ---- Words ---- */

static int wrong(const char *word, const char *why)
{
    return fail(OCELLI_ERR_INVALID, "preprocess: %s: %s", word, why);
}

/* "0.5", "1/255". */
static const char *take_number(const char *s, float *out)
{
    char *end;
    double v = strtod(s, &end);
    if (end == s)
        return NULL;
    if (*end == '/') {
        s = end + 1;
        double by = strtod(s, &end);
        if (end == s || by == 0)
            return NULL;
        v /= by;
    }
    *out = (float)v;
    return isfinite(*out) ? end : NULL;
}

static int read_number(const char *word, const char *s, float *out)
{
    const char *end = take_number(s, out);
    return end && *end == 0 ? 0 : wrong(word, "not a number");
}

static int read_switch(const char *word, const char *s, const char *no, const char *yes, bool *out)
{
    *out = strcmp(s, yes) == 0;
    return *out || strcmp(s, no) == 0
               ? 0
               : fail(OCELLI_ERR_INVALID, "preprocess: %s: must be %s or %s", word, yes, no);
}

/* "256" or "256x320"; `one`: only one was given. */
static int read_sides(const char *word, const char *s, int side[2], bool *one)
{
    char *end;
    long h = strtol(s, &end, 10), w = h;
    bool good = end != s;
    *one = *end != 'x';
    if (good && !*one) {
        s = end + 1;
        w = strtol(s, &end, 10);
        good = end != s;
    }
    if (!good || *end || h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE)
        return wrong(word, "not a size as in 256 or 256x320");
    side[0] = (int)h;
    side[1] = (int)w;
    return 0;
}

static int read_resize(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    return read_sides(word, s, p->resize, &p->keep_ratio);
}

static int read_fit(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    return read_switch(word, s, "stretch", "cover", &p->keep_ratio);
}

static int read_crop(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    bool one;
    return read_sides(word, s, p->crop, &one);
}

static int read_square(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    int err = read_number(word, s, &p->square);
    return !err && (p->square < 0 || p->square > 1) ? wrong(word, "not from 0 to 1") : err;
}

static int read_scale(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    int err = read_number(word, s, &p->scale);
    return !err && p->scale == 0 ? wrong(word, "nothing would be left") : err;
}

/* Numbers between commas: one for all channels, or one each. */
static int read_list(const char *word, const char *s, float v[3])
{
    int n = 0;
    for (; n < 3; n++, s++) {
        s = take_number(s, &v[n]);
        if (!s || (*s && *s != ','))
            return wrong(word, "not numbers");
        if (!*s)
            break;
    }
    if (n == 1 || n > 2)
        return wrong(word, "neither one number nor three");
    if (n == 0)
        v[1] = v[2] = v[0];
    return 0;
}

static int read_mean(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    return read_list(word, s, p->mean);
}

static int read_std(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    int err = read_list(word, s, p->std);
    for (int c = 0; c < 3 && !err; c++)
        if (p->std[c] <= 0)
            err = wrong(word, "not above 0");
    return err;
}

static int read_order(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    return read_switch(word, s, "rgb", "bgr", &p->bgr);
}

static int read_antialias(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    return read_switch(word, s, "yes", "no", &p->no_antialias);
}

static int read_invert(const char *word, const char *s, struct ocelli_preprocess_params *p)
{
    return read_switch(word, s, "no", "yes", &p->invert);
}

static const struct key {
    const char *name;
    int (*read)(const char *word, const char *value, struct ocelli_preprocess_params *p);
} keys[] = {
    {"resize", read_resize}, {"crop", read_crop},           {"square", read_square},
    {"order", read_order},   {"scale", read_scale},         {"mean", read_mean},
    {"std", read_std},       {"antialias", read_antialias}, {"invert", read_invert},
    {"fit", read_fit},
};

static int read_word(const char *word, struct ocelli_preprocess_params *p)
{
    const char *value = strchr(word, '=');
    for (size_t i = 0; value && i < COUNT(keys); i++)
        if (strlen(keys[i].name) == (size_t)(value - word) &&
            strncmp(keys[i].name, word, strlen(keys[i].name)) == 0)
            return keys[i].read(word, value + 1, p);
    struct text names = {0};
    for (size_t i = 0; i < COUNT(presets); i++)
        text_add(&names, "%s%s", i ? ", " : "", presets[i].name);
    text_add(&names, "; and words are ");
    for (size_t i = 0; i < COUNT(keys); i++)
        text_add(&names, "%s%s=", i ? ", " : "", keys[i].name);
    int err =
        fail(OCELLI_ERR_INVALID, "preprocess: \"%s\" is no preset and no word; presets are %s",
             word, names.failed ? "" : names.s);
    text_free(&names);
    return err;
}

/* A word ends at a comma that a letter follows: numbers go on with a list. */
static char *word_end(char *s)
{
    while ((s = strchr(s, ',')) && s[1] && strchr("0123456789.+-", s[1]))
        s++;
    return s;
}

int ocelli_preprocess_parse(struct ocelli_preprocess_params *out, const char *text,
                            const struct ocelli_shape *input)
{
    char shape[SHAPE_TEXT];
    int err = 0;
    size_t len = 0;
    char *copy = NULL;
    const int64_t *d = input->dim;

    *out = (struct ocelli_preprocess_params){0};
    if (input->rank != 4 || (d[1] != 1 && d[1] != 3) || d[2] < 1 || d[3] < 1 || d[2] > MAX_SIDE ||
        d[3] > MAX_SIDE)
        return fail(OCELLI_ERR_SHAPE,
                    "preprocess: the network takes %s, not pictures N x 1 or 3 x height x width",
                    shape_text(input, shape));
    const int net[3] = {(int)d[1], (int)d[2], (int)d[3]};
    if (!text)
        text = net[0] == 3 && MIN(net[1], net[2]) >= PHOTO_SIDE ? "torchvision" : "unit";
    const struct preset *s = find_preset(text, &len);
    if (s) {
        apply(s, net, out);
        text += text[len] ? len + 1 : len;
    }
    if (!(copy = strdup(text)))
        return fail_memory();
    for (char *word = copy, *next; word && *word; word = next) {
        next = word_end(word);
        if (next)
            *next++ = 0;
        TRY(read_word(word, out));
    }
    for (int i = 0; i < 2; i++) {
        if (out->crop[i] && out->crop[i] != net[1 + i])
            TRY(fail(OCELLI_ERR_SHAPE, "preprocess: crop=%dx%d, but the network takes %s",
                     out->crop[0], out->crop[1], shape_text(input, shape)));
    }
    out->channels = net[0];
    out->crop[0] = net[1];
    out->crop[1] = net[2];
out:
    free(copy);
    return err;
}

/* ---- And back ---- */

static void print_list(struct text *t, const char *name, const float v[3], float none)
{
    float x[3];
    for (int c = 0; c < 3; c++)
        x[c] = v[c] != 0 ? v[c] : none;
    if (x[0] == x[1] && x[1] == x[2] && x[0] == none)
        return;
    text_add(t, x[0] == x[1] && x[1] == x[2] ? ",%s=%.7g" : ",%s=%.7g,%.7g,%.7g", name, x[0], x[1],
             x[2]);
}

void ocelli_preprocess_print(const struct ocelli_preprocess_params *p, char *buf, size_t size)
{
    struct text t = {0};
    const int *r = p->resize[0] ? p->resize : p->crop;
    const double by = p->scale != 0 ? 1 / (double)p->scale : 1;

    if (p->square > 0)
        text_add(&t, "square=%.7g,", p->square);
    text_add(&t, p->keep_ratio && r[0] == r[1] ? "resize=%d" : "resize=%dx%d", r[0], r[1]);
    if (p->keep_ratio && r[0] != r[1])
        text_add(&t, ",fit=cover");
    text_add(&t, ",crop=%dx%d", p->crop[0], p->crop[1]);
    if (p->channels != 1)
        text_add(&t, ",order=%s", p->bgr ? "bgr" : "rgb");
    if (p->invert)
        text_add(&t, ",invert=yes");
    /* 1/255 as it was meant. */
    if (by != 1 && fabs(by * 2 - rint(by * 2)) < 1e-4)
        text_add(&t, ",scale=1/%g", rint(by * 2) / 2);
    else if (by != 1)
        text_add(&t, ",scale=%.9g", p->scale);
    print_list(&t, "mean", p->mean, 0);
    print_list(&t, "std", p->std, 1);
    if (p->no_antialias)
        text_add(&t, ",antialias=no");
    snprintf(buf, size, "%s", t.failed || !t.s ? "" : t.s);
    text_free(&t);
}
