/* ocelli classify: what is on a photograph. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "classify.h"

#define LABELS_FILE "labels.txt"

static const struct classify_args defaults = {.top = 5};
static const char *const softmax_words[] = {"auto", "yes", "no", NULL};

#define ARG(field) offsetof(struct classify_args, field)
static const struct option_spec options[] = {
    {"labels", OPT_TEXT, ARG(labels), .arg = "FILE",
     .help = "names of the classes, one a line (default: labels.txt beside the network)"},
    {"top", OPT_INT, ARG(top), 1, 1000000, .arg = "N",
     .help = "print the N most likely classes (default 5)"},
    {"preprocess", OPT_TEXT, ARG(preprocess), .arg = "HOW",
     .help = "torchvision, caffe, keras, [-1,1], unit, and key=value words; see below"},
    {"softmax", OPT_WORD, ARG(softmax), .words = softmax_words, .arg = "WHEN",
     .help = "auto: unless what the network gives are probabilities already"},
    {"input", OPT_SHAPE, ARG(input), .arg = "NxCxHxW",
     .help = "the network's input, where its file leaves it open; N is 1"},
    {"drop-alpha", OPT_FLAG, ARG(drop_alpha),
     .help = "ignore opacity (default: transparent parts are white)"},
    {"variant", OPT_TEXT, ARG(variant), .arg = "LIST",
     .help = "use these kernels where they apply: ref, or conv2d/direct,gemm/ref"},
    STORAGE_OPTION(ARG(storage)),
    {0},
};
#undef ARG

/* ---- The network ---- */

/* A file's fixed batch is made 1. */
static int load(struct classify *s)
{
    int status = model_graph(&s->m, false, &s->g);

    if (status != EXIT_DONE)
        return status;
    if (ocelli_graph_inputs(s->g) != 1 || ocelli_graph_input(s->g, 0, &s->in) != 0 ||
        ocelli_graph_output(s->g, 0, &s->out) != 0)
        return cli_error("%s: has %d inputs; a classifier of pictures has one", s->m.net.net,
                         ocelli_graph_inputs(s->g));
    if (s->m.onnx && s->in.shape.rank == 4 && s->in.shape.dim[0] != 1 && !s->m.input.rank) {
        s->m.input = s->in.shape;
        s->m.input.dim[0] = 1;
        ocelli_graph_destroy(&s->g);
        return load(s);
    }
    return EXIT_DONE;
}

static int check(struct classify *s)
{
    char text[SHAPE_TEXT];
    int64_t n = 1;

    if (s->in.dtype != OCELLI_F32 || s->in.shape.rank != 4 || s->in.shape.dim[0] != 1)
        return cli_error("%s: takes %s %s, not one picture 1xCxHxW of floats", s->m.net.net,
                         dtype_text(s->in.dtype), shape_text(&s->in.shape, text));
    for (int i = 0; i < s->out.shape.rank; i++)
        n *= s->out.shape.dim[i];
    if (s->out.dtype != OCELLI_F32 || s->out.shape.rank < 1 || n < 2 || n > 1 << 24 ||
        (s->out.shape.rank > 1 && s->out.shape.dim[1] != n))
        return cli_error("%s: gives %s %s, not a score for each class", s->m.net.net,
                         dtype_text(s->out.dtype), shape_text(&s->out.shape, text));
    s->classes = (int)n;
    s->score = calloc((size_t)n, sizeof(*s->score));
    s->p = calloc((size_t)n, sizeof(*s->p));
    s->order = calloc((size_t)n, sizeof(*s->order));
    return s->score && s->p && s->order ? EXIT_DONE : cli_error("%s: out of memory", s->m.net.net);
}

static int find_preprocessing(struct classify *s)
{
    const char *how = model_preprocess(&s->m, s->g, s->args->preprocess);
    int err = ocelli_preprocess_parse(&s->prepare, how, &s->in.shape);

    s->guessed = !how;
    if (err == OCELLI_ERR_INVALID && s->args->preprocess)
        return cli_usage("--%s", ocelli_error());
    if (err)
        return cli_failed(s->m.net.net, err);
    ocelli_preprocess_print(&s->prepare, s->words, sizeof(s->words));
    return EXIT_DONE;
}

/* Those asked for must be there and fit; those that lie beside the network are taken if they do. */
static int find_labels(struct classify *s)
{
    const char *slash = s->m.onnx ? strrchr(s->m.onnx, '/') : NULL;
    int status, n = 0;

    if (s->args->labels)
        n = snprintf(s->labels_path, sizeof(s->labels_path), "%s", s->args->labels);
    else if (s->m.dir)
        n = snprintf(s->labels_path, sizeof(s->labels_path), "%s/" LABELS_FILE, s->m.dir);
    else if (s->m.onnx)
        n = snprintf(s->labels_path, sizeof(s->labels_path), "%.*s" LABELS_FILE,
                     slash ? (int)(slash - s->m.onnx) + 1 : 0, s->m.onnx);
    if (n <= 0 || n >= (int)sizeof(s->labels_path) ||
        (!s->args->labels && access(s->labels_path, R_OK) != 0)) {
        s->labels_path[0] = '\0';
        return EXIT_DONE;
    }
    if ((status = labels_read(s->labels_path, &s->labels)) != EXIT_DONE)
        return status;
    if (s->labels.n == s->classes)
        return EXIT_DONE;
    if (s->args->labels)
        return cli_error("%s: has %d labels, the network %d classes", s->labels_path, s->labels.n,
                         s->classes);
    labels_free(&s->labels);
    s->labels_path[0] = '\0';
    return EXIT_DONE;
}

static int prepare(struct classify *s)
{
    int status, err;

    if ((status = load(s)) != EXIT_DONE || (status = check(s)) != EXIT_DONE ||
        (status = find_preprocessing(s)) != EXIT_DONE || (status = find_labels(s)) != EXIT_DONE ||
        (status = device_get(s->cli, false, &s->dev)) != EXIT_DONE ||
        (status = model_plan_weights(s->cli, &s->m, s->dev, s->g, &s->w)) != EXIT_DONE)
        return status;
    err = ocelli_plan_create(
        &s->plan, s->dev, s->g,
        &(struct ocelli_plan_params){.weights = s->w,
                                     .seed = s->cli->seed,
                                     .variant = s->args->variant,
                                     .storage = storage_type(s->args->storage)});
    return err ? cli_failed(s->m.net.net, err) : EXIT_DONE;
}

/* ---- One picture ---- */

/* The picture, prepared by a plan of its own, whose result is the network's input. */
static int run_network(struct classify *s, const struct ocelli_image *im)
{
    struct ocelli_graph *g = NULL;
    struct ocelli_plan *plan = NULL;
    size_t bytes = (size_t)im->width * (size_t)im->height * (size_t)im->channels;
    ocelli_value x;
    int err;

    if ((err = ocelli_graph_create(&g)) != 0)
        return err;
    x = ocelli_input(g, "picture", OCELLI_U8, &OCELLI_SHAPE(im->height, im->width, im->channels));
    ocelli_output(g, "prepared", ocelli_preprocess(g, x, &s->prepare));
    if ((err = ocelli_plan_create(
             &plan, s->dev, g, &(struct ocelli_plan_params){.variant = s->args->variant})) == 0 &&
        (err = ocelli_tensor_write(ocelli_plan_tensor(plan, "picture"), im->pixels, bytes)) == 0 &&
        (err = ocelli_plan_bind(plan, "prepared", ocelli_plan_tensor(s->plan, s->in.name))) == 0 &&
        (err = ocelli_plan_run(plan)) == 0 && (err = ocelli_plan_run(s->plan)) == 0)
        err = ocelli_tensor_read(ocelli_plan_tensor(s->plan, s->out.name), s->score,
                                 (size_t)s->classes * sizeof(*s->score));
    ocelli_plan_destroy(&plan);
    ocelli_graph_destroy(&g);
    return err;
}

/* Probabilities as they are: none below 0, and 1 in all. */
static bool are_probabilities(const float *v, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++) {
        if (!(v[i] >= 0))
            return false;
        sum += v[i];
    }
    return fabs(sum - 1) < 1e-3;
}

static bool to_probabilities(struct classify *s)
{
    double most = -INFINITY, sum = 0;

    for (int i = 0; i < s->classes; i++) {
        if (!isfinite(s->score[i]))
            return false;
        most = fmax(most, s->score[i]);
    }
    s->softmax = s->args->softmax == SOFTMAX_YES ||
                 (s->args->softmax == SOFTMAX_AUTO && !are_probabilities(s->score, s->classes));
    for (int i = 0; i < s->classes; i++) {
        s->p[i] = s->softmax ? exp(s->score[i] - most) : s->score[i];
        sum += s->p[i];
    }
    for (int i = 0; s->softmax && i < s->classes; i++)
        s->p[i] /= sum;
    return true;
}

/* The likeliest first; ties go to the lower class. */
static int compare_classes(const void *a, const void *b, void *user)
{
    const struct classify *s = user;
    int i = *(const int *)a, k = *(const int *)b;

    return s->p[i] > s->p[k] ? -1 : s->p[i] < s->p[k] ? 1 : i - k;
}

static void sort_classes(struct classify *s)
{
    for (int i = 0; i < s->classes; i++)
        s->order[i] = i;
    qsort_r(s->order, (size_t)s->classes, sizeof(*s->order), compare_classes, s);
}

/* ---- All of them ---- */

static int classify_one(struct classify *s, const char *file)
{
    struct ocelli_image *im = NULL;
    int n = s->args->top < s->classes ? s->args->top : s->classes;
    int err = ocelli_image_read(&im, file,
                                &(struct ocelli_image_params){.drop_alpha = s->args->drop_alpha});

    if (err)
        return cli_failed(NULL, err);
    err = run_network(s, im);
    if (err) {
        cli_failed(file, err);
    } else if (!to_probabilities(s)) {
        err = cli_error("%s: the network gives no finite numbers", file);
    } else {
        sort_classes(s);
        s->done++;
        s->likeliest = fmax(s->likeliest, s->p[s->order[0]]);
        if (s->cli->json)
            classify_json(s, file, im, n);
        else
            classify_table(s, file, im, n);
    }
    ocelli_image_destroy(&im);
    return err ? EXIT_FAILED : EXIT_DONE;
}

/* One that cannot be read does not stop the others. */
static int classify_all(struct classify *s)
{
    int status = EXIT_DONE;

    progress_begin(s->cli);
    interrupt_catch();
    for (int i = 0; i < s->cli->n_operands - 1; i++) {
        const char *file = s->cli->operand[i + 1];

        progress_show((double)i / (s->cli->n_operands - 1), "%d/%d pictures", i,
                      s->cli->n_operands - 1);
        if (interrupted()) {
            cli_error("classify: interrupted before %s", file);
            status = EXIT_INTERRUPTED;
            break;
        }
        if (classify_one(s, file) == EXIT_DONE)
            continue;
        status = EXIT_FAILED;
        if (s->cli->json)
            json_array_append_new(s->images, json_pack("{s:s, s:s, s:[]}", "file", file, "error",
                                                       ocelli_error(), "top"));
    }
    progress_end();
    classify_conclude(s);
    return status;
}

static int run(struct cli *cli, const void *args)
{
    struct classify s = {.cli = cli, .args = args, .images = json_array()};
    int status = model_find(cli->operand[0], &s.m);

    if (status != EXIT_DONE)
        goto out;
    model_input(&s.m, s.args->input);
    if ((status = prepare(&s)) != EXIT_DONE)
        goto out;
    classify_introduce(&s);
    status = classify_all(&s);
    if (cli->json) {
        int printed = out_json(json_pack(
            "{s:s, s:s, s:o, s:O}", "model", s.m.net.net, "preprocess", s.words, "labels",
            *s.labels_path ? json_string(s.labels_path) : json_null(), "images", s.images));
        status = printed ? printed : status;
    }
out:
    json_decref(s.images);
    labels_free(&s.labels);
    free(s.score);
    free(s.p);
    free(s.order);
    ocelli_plan_destroy(&s.plan);
    ocelli_weights_destroy(&s.w);
    ocelli_graph_destroy(&s.g);
    return device_done(cli, &s.dev, status);
}

const struct command cmd_classify = {
    .name = "classify",
    .operands = "MODEL IMAGE...",
    .summary = "Say what is on photographs, JPEG or PNG",
    .details =
        "MODEL is a training directory or an .onnx file of a classifier. --preprocess takes a preset, which\n"
        "key=value words behind it change, or such words alone, with commas between them:\n"
        "  torchvision   shorter side 256, centre 224x224, RGB, /255, means and deviations of ImageNet\n"
        "  caffe         whole picture to 256x256, centre, BGR, minus 104, 117, 123\n"
        "  keras         central square of 87.5 %, RGB, x/127.5-1\n"
        "  [-1,1]        as torchvision, but x/127.5-1\n"
        "  unit          whole picture to the network's size, /255\n"
        "  resize=N|HxW  fit=cover|stretch  square=X  crop=N|HxW  order=rgb|bgr  scale=X  mean=A[,B,C]\n"
        "  std=A[,B,C]  antialias=yes|no  invert=yes|no\n"
        "256 and 224 stand for the sizes that belong to the network's own.\n",
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(defaults),
    .min_operands = 2,
    .max_operands = INT_MAX,
    .run = run,
};
