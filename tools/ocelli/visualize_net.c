/* What a network's weights and values look like. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "visualize.h"

#define MAX_FILTERS 256
#define MAX_MAPS 64
#define MAPS "visualize.maps"
#define START "visualize.start"
#define BACK "visualize.back"

/* ---- Layers ---- */

/* The value after the bias, normalisation and activation that follow. */
static ocelli_value follow(const struct ocelli_graph *g, int i, ocelli_value v)
{
    static const char *const with[] = {"bias", "batchnorm", "scale", "unary"};
    struct ocelli_layer l;
    for (i++; i < ocelli_graph_layers(g); i++) {
        if (ocelli_graph_layer(g, i, &l) != 0 || l.in != v)
            continue;
        for (size_t k = 0; k < COUNT(with); k++)
            if (strcmp(l.op, with[k]) == 0)
                v = l.value;
        if (strcmp(l.op, "unary") == 0)
            break;
    }
    return v;
}

int layer_find(const struct ocelli_graph *g, const char *name, struct conv_layer *out)
{
    struct ocelli_layer l;
    char list[512] = "";
    size_t used = 0;
    for (int i = 0; i < ocelli_graph_layers(g); i++) {
        if (ocelli_graph_layer(g, i, &l) != 0 || strcmp(l.op, "conv2d") != 0)
            continue;
        if (!name || strcmp(name, l.name) == 0) {
            *out = (struct conv_layer){l.name, l.weight, follow(g, i, l.value)};
            return EXIT_DONE;
        }
        if (used < sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
                                     l.name);
    }
    if (!used)
        return cli_error("visualize: the network has no convolution");
    return cli_error("--layer %s: no such convolution; there are %s", name, list);
}

/* A tensor's content, to be freed; NULL: a message was printed. */
static float *content(struct ocelli_tensor *t)
{
    float *host = malloc(ocelli_tensor_bytes(t));
    int err = host ? ocelli_tensor_read(t, host, ocelli_tensor_bytes(t)) : OCELLI_ERR_MEMORY;
    if (!err)
        return host;
    cli_failed(NULL, err);
    free(host);
    return NULL;
}

int show_filters(struct visualize *v)
{
    struct conv_layer layer;
    int status = layer_find(v->g, NULL, &layer);
    if (status != EXIT_DONE)
        return status;
    struct ocelli_tensor *t = layer.weight ? ocelli_weights_tensor(v->w, layer.weight) : NULL;
    if (!t || ocelli_tensor_dtype(t) != OCELLI_F32 || ocelli_tensor_shape(t)->rank != 4)
        return EXIT_DONE; /* its filters are computed: there are none to show */
    const int64_t *d = ocelli_tensor_shape(t)->dim;
    bool colour = d[1] == 3;
    int64_t n = colour ? d[0] : d[0] * d[1];
    struct tiles tiles = {(int)(n < MAX_FILTERS ? n : MAX_FILTERS), colour ? 3 : 1, (int)d[2],
                          (int)d[3], NULL};
    float *host = content(t);
    const char *path = page_add(&v->page, "filters.png", "Filters of the first convolution");
    tiles.data = host;
    status = host && path ? tiles_write(&tiles, TONE_SIGNED, path) : EXIT_FAILED;
    page_say(&v->page,
             "%s: %d filters of %dx%d%s. Grey is zero, brighter is positive, darker negative.",
             layer.name, tiles.n, tiles.height, tiles.width, colour ? ", in colours" : "");
    free(host);
    return status;
}

/* ---- One image ---- */

struct view {
    struct visualize *v;
    struct conv_layer layer;
    struct ocelli_plan *plan;
    struct ocelli_port in;
    struct ocelli_shape maps; /* of the layer, of one image */
    bool back;                /* there is a way back to the image */
    char why_not[256];
    float *pixels; /* the network's input */
    float *values; /* the layer's */
};

/* The graph with the layer's maps as an output, and the way back from them where every operation
 * has one. */
static int build(struct view *s, bool back)
{
    struct visualize *v = s->v;
    int status, err;
    ocelli_graph_destroy(&v->g);
    if ((status = model_graph(&v->m, false, &v->g)) != EXIT_DONE ||
        (status = layer_find(v->g, v->args->layer, &s->layer)) != EXIT_DONE)
        return status;
    if (ocelli_graph_inputs(v->g) != 1 || ocelli_graph_input(v->g, 0, &s->in) != 0 ||
        s->in.dtype != OCELLI_F32 || s->in.shape.rank != 4)
        return cli_error("%s: takes no image", v->m.net.net);
    s->maps = ocelli_value_shape(v->g, s->layer.maps);
    ocelli_output(v->g, MAPS, s->layer.maps);
    if (back) {
        ocelli_value start = ocelli_input(v->g, START, OCELLI_F32, &s->maps);
        ocelli_value x = ocelli_find(v->g, s->in.name);
        ocelli_value y = ocelli_deconvnet(v->g, s->layer.maps, start, x);
        if (y != OCELLI_NONE)
            ocelli_output(v->g, BACK, y);
    }
    if ((err = ocelli_graph_status(v->g)) == 0) {
        s->back = back;
        return EXIT_DONE;
    }
    if (!back || err != OCELLI_ERR_UNSUPPORTED)
        return cli_failed(NULL, err);
    snprintf(s->why_not, sizeof(s->why_not), "%s", ocelli_error());
    return build(s, false);
}

/* The picture as the network takes it, in every place of its batch. */
static int load_picture(struct view *s)
{
    struct visualize *v = s->v;
    struct ocelli_preprocess_params how;
    struct ocelli_image *im = NULL;
    struct ocelli_graph *g = NULL;
    struct ocelli_plan *plan = NULL;
    struct ocelli_shape one = s->in.shape;
    const char *words = model_preprocess(&v->m, v->g, v->args->preprocess);
    int err;

    one.dim[0] = 1;
    err = ocelli_preprocess_parse(&how, words, &one);
    if (err == OCELLI_ERR_INVALID && v->args->preprocess)
        return cli_usage("--%s", ocelli_error());
    if (err || (err = ocelli_image_read(&im, v->args->image, NULL)) != 0 ||
        (err = ocelli_graph_create(&g)) != 0)
        goto out;
    ocelli_value x =
        ocelli_input(g, "picture", OCELLI_U8, &OCELLI_SHAPE(im->height, im->width, im->channels));
    ocelli_output(g, "prepared", ocelli_preprocess(g, x, &how));
    if ((err = ocelli_plan_create(&plan, v->dev, g, NULL)) != 0)
        goto out;
    struct ocelli_tensor *t = ocelli_plan_tensor(plan, "prepared"),
                         *to = ocelli_plan_tensor(s->plan, s->in.name);
    size_t bytes = ocelli_tensor_bytes(t), all = ocelli_tensor_bytes(to);
    if (!(s->pixels = malloc(all)))
        err = OCELLI_ERR_MEMORY;
    if (err ||
        (err = ocelli_tensor_write(ocelli_plan_tensor(plan, "picture"), im->pixels,
                                   (size_t)im->width * (size_t)im->height *
                                       (size_t)im->channels)) != 0 ||
        (err = ocelli_plan_run(plan)) != 0 || (err = ocelli_tensor_read(t, s->pixels, bytes)) != 0)
        goto out;
    for (size_t at = bytes; at + bytes <= all; at += bytes)
        memcpy((char *)s->pixels + at, s->pixels, bytes);
    err = ocelli_tensor_write(to, s->pixels, all);
out:
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    ocelli_image_destroy(&im);
    return err ? cli_failed(v->args->image, err) : EXIT_DONE;
}

/* Runs with this much of the layer kept on the way back; NULL: nothing. */
static int run_plan(struct view *s, const float *start)
{
    int err = 0;
    if (s->back) {
        struct ocelli_tensor *t = ocelli_plan_tensor(s->plan, START);
        err = ocelli_tensor_write(t, start, ocelli_tensor_bytes(t));
    }
    if (!err)
        err = ocelli_plan_run(s->plan);
    return err ? cli_failed(s->v->m.net.net, err) : EXIT_DONE;
}

/* One or three channels can be shown as they are, of others the first. */
static struct tiles picture_tiles(const struct view *s, int n, const float *data)
{
    const int64_t *d = s->in.shape.dim;
    return (struct tiles){n, d[1] == 3 ? 3 : 1, (int)d[2], (int)d[3], data};
}

static int show_maps(struct view *s)
{
    struct visualize *v = s->v;
    const int64_t *d = s->maps.dim;
    const struct tiles input = picture_tiles(s, 1, s->pixels);
    struct tiles maps = {(int)(d[1] < MAX_MAPS ? d[1] : MAX_MAPS), 1, (int)d[2], (int)d[3],
                         s->values};
    const char *path = page_add(&v->page, "input.png", "The image as the network takes it");
    int status = path ? tiles_write(&input, TONE_EACH, path) : EXIT_FAILED;
    if (status != EXIT_DONE)
        return status;
    path = page_add(&v->page, "maps.png", "Feature maps");
    page_say(&v->page,
             "%s: %d of %lld maps of %dx%d; each from its least value (black) to its greatest.",
             s->layer.name, maps.n, (long long)d[1], maps.height, maps.width);
    return path ? tiles_write(&maps, TONE_EACH, path) : EXIT_FAILED;
}

/* ---- The deconvnet ---- */

struct peak {
    int map;
    size_t at;
    float value;
};

static int compare_peaks(const void *a, const void *b)
{
    const struct peak *p = a, *q = b;
    return p->value > q->value ? -1 : p->value < q->value ? 1 : p->map - q->map;
}

/* The strongest value of each map, the strongest map first. */
static struct peak *find_peaks(const struct view *s)
{
    const size_t area = (size_t)(s->maps.dim[2] * s->maps.dim[3]);
    struct peak *p = calloc((size_t)s->maps.dim[1], sizeof(*p));
    for (int m = 0; p && m < s->maps.dim[1]; m++) {
        p[m] = (struct peak){m, (size_t)m * area, s->values[(size_t)m * area]};
        for (size_t i = (size_t)m * area; i < (size_t)(m + 1) * area; i++)
            if (s->values[i] > p[m].value)
                p[m] = (struct peak){m, i, s->values[i]};
    }
    if (p)
        qsort(p, (size_t)s->maps.dim[1], sizeof(*p), compare_peaks);
    return p;
}

/* What of the image lies where the projection is not zero; the rest is left out as not finite. */
static void cut_patch(const struct tiles *t, const float *image, const float *back, float *patch)
{
    int top = t->height, left = t->width, bottom = -1, right = -1;
    const int area = t->height * t->width;
    for (int i = 0; i < area * t->channels; i++) {
        int y = i % area / t->width, x = i % t->width;
        if (back[i] == 0)
            continue;
        top = y < top ? y : top;
        bottom = y > bottom ? y : bottom;
        left = x < left ? x : left;
        right = x > right ? x : right;
    }
    for (int i = 0; i < area * t->channels; i++) {
        int y = i % area / t->width, x = i % t->width;
        patch[i] = y >= top && y <= bottom && x >= left && x <= right ? image[i] : NAN;
    }
}

static int project(struct view *s, const struct peak *p, int n, float *start, float *back,
                   float *patch)
{
    struct visualize *v = s->v;
    struct tiles t = picture_tiles(s, n, back);
    const size_t one = (size_t)(t.channels * t.height * t.width);
    struct ocelli_tensor *y = ocelli_plan_tensor(s->plan, BACK);
    int status = EXIT_DONE;
    for (int k = 0; k < n && status == EXIT_DONE; k++) {
        start[p[k].at] = p[k].value;
        status = run_plan(s, start);
        start[p[k].at] = 0;
        float *whole = status == EXIT_DONE ? content(y) : NULL;
        if (!whole)
            return EXIT_FAILED;
        memcpy(back + (size_t)k * one, whole, one * sizeof(*back));
        free(whole);
        cut_patch(&t, s->pixels, back + (size_t)k * one, patch + (size_t)k * one);
    }
    const char *path =
        page_add(&v->page, "deconvnet.png", "What the strongest activations answer to");
    page_say(&v->page, "The strongest value of each of the %d strongest maps of %s (", n,
             s->layer.name);
    for (int k = 0; k < n; k++)
        page_say(&v->page, "%s%d", k ? ", " : "maps ", p[k].map);
    page_say(&v->page, "), everything else set to zero, sent back to the image by a deconvnet "
                       "(Zeiler and Fergus 2013): "
                       "unpooling to where the maxima were, rectified, through the transposed "
                       "filters. Grey is zero.");
    if (!path || (status = tiles_write(&t, TONE_SPLIT, path)) != EXIT_DONE)
        return EXIT_FAILED;
    t.data = patch;
    path = page_add(&v->page, "patches.png", "The parts of the image that they see");
    page_say(&v->page, "In the same order.");
    return path ? tiles_write(&t, TONE_EACH, path) : EXIT_FAILED;
}

static int show_deconvnet(struct view *s)
{
    struct visualize *v = s->v;
    struct tiles t = picture_tiles(s, 0, NULL);
    int n = v->args->top < s->maps.dim[1] ? v->args->top : (int)s->maps.dim[1];
    if (!s->back) {
        page_add(&v->page, "", "What the strongest activations answer to");
        page_say(&v->page, "There is no way back to the image: %s.", s->why_not);
        return EXIT_DONE;
    }
    const size_t one = (size_t)(t.channels * t.height * t.width) * sizeof(float);
    float *start = calloc(
        (size_t)(s->maps.dim[0] * s->maps.dim[1] * s->maps.dim[2] * s->maps.dim[3]), sizeof(float));
    float *back = calloc((size_t)n, one), *patch = calloc((size_t)n, one);
    struct peak *p = find_peaks(s);
    int status = start && back && patch && p ? project(s, p, n, start, back, patch)
                                             : cli_error("visualize: out of memory");
    free(start);
    free(back);
    free(patch);
    free(p);
    return status;
}

int show_image(struct visualize *v)
{
    struct view s = {.v = v};
    int status = build(&s, true), err;
    float *zero = NULL;

    if (status != EXIT_DONE)
        return status;
    const struct ocelli_plan_params params = {.weights = v->w};
    if ((err = ocelli_plan_create(&s.plan, v->dev, v->g, &params)) != 0)
        return cli_failed(v->m.net.net, err);
    zero = calloc(1, ocelli_tensor_bytes(ocelli_plan_tensor(s.plan, MAPS)));
    if (!zero)
        status = cli_error("visualize: out of memory");
    else if ((status = load_picture(&s)) == EXIT_DONE &&
             (status = run_plan(&s, zero)) == EXIT_DONE &&
             (s.values = content(ocelli_plan_tensor(s.plan, MAPS))) &&
             (status = show_maps(&s)) == EXIT_DONE)
        status = show_deconvnet(&s);
    if (!s.values && status == EXIT_DONE)
        status = EXIT_FAILED;
    free(zero);
    free(s.pixels);
    free(s.values);
    ocelli_plan_destroy(&s.plan);
    return status;
}
