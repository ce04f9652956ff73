/* What the commands of `ocelli` share. They use the library's public headers only. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <ocelli/ocelli.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The exit status, part of the contract with scripts. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* ---- Options (options.c) ---- */

enum option_kind {
    OPT_FLAG,  /* bool */
    OPT_INT,   /* int */
    OPT_LONG,  /* int64_t */
    OPT_SEED,  /* uint64_t */
    OPT_FLOAT, /* float */
    OPT_SIZE,  /* uint64_t bytes, from 123, 4K, 5M or 1.5G */
    OPT_TEXT,  /* const char * */
    OPT_WORD,  /* int, the word's place in `words` */
    OPT_SHAPE, /* int[4] from NxCxHxW */
    OPT_LIST,  /* struct text_list; the option may be given several times */
};

#define LIST_MAX 32
struct text_list {
    const char *item[LIST_MAX];
    int n;
};

struct option_spec {
    const char *name;
    enum option_kind kind;
    size_t offset;            /* into the command's arguments */
    double min, max;          /* INT, LONG, FLOAT: both counted in */
    const char *const *words; /* WORD: ends with NULL */
    const char *arg;          /* its name in the help; NULL for a flag */
    const char *help;
};

/* What every command takes, and what the command line said. */
struct cli {
    const char *program; /* as it was called */
    char **argv;         /* the whole line, for the hint how to resume */
    const struct command *command;
    const char *device, *platform, *trace;
    uint64_t seed;
    bool quiet, verbose, json, help;
    char **operand;
    int n_operands;
};

struct command {
    const char *name;
    const char *operands;              /* "MODEL", "" */
    const char *summary;               /* one line */
    const char *details;               /* further lines of --help, NULL: none */
    const struct option_spec *options; /* ends with {0}; NULL: none */
    const void *defaults;              /* its arguments when nothing is said; NULL: none */
    size_t args_size;
    int min_operands, max_operands;
    int (*run)(struct cli *cli, const void *args);
};

extern const struct command cmd_devices, cmd_train, cmd_eval, cmd_info, cmd_dump, cmd_bench,
    cmd_doctor, cmd_run, cmd_export, cmd_onnx_test, cmd_classify, cmd_visualize, cmd_tune,
    cmd_tune_worker, cmd_compile_worker;

/* Fills cli and args from the words behind the command's name. 0 or EXIT_USAGE (message printed).
 */
int options_parse(struct cli *cli, int argc, char **argv, void *args);
void options_help(const struct cli *cli);

/* ---- Output (output.c) ---- */

/* To standard output; a failure is remembered for out_finish(). */
void out(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Flushes; the status, or EXIT_FAILED with a message when something could not be written. */
int out_finish(int status);
/* Prints the document and releases it. NULL (out of memory) fails. */
int out_json(json_t *doc);
/* json_real(), and null for what JSON has no number for. */
json_t *json_number(double x);
json_t *json_shape(const struct ocelli_shape *shape);

/* "ocelli: WHAT: WHY" on standard error; returns EXIT_FAILED. */
int cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same with EXIT_USAGE. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The library's words for its last failure; `what` goes before them where it is not NULL. */
int cli_failed(const char *what, int code);

/* "61.7 MiB" into buf; returns buf. */
#define SIZE_TEXT 24
const char *size_text(double bytes, char buf[SIZE_TEXT]);
/* "2x3x5". */
#define SHAPE_TEXT 176
const char *shape_text(const struct ocelli_shape *shape, char buf[SHAPE_TEXT]);
/* "1:05" or "2:03:10". */
#define TIME_TEXT 32
const char *time_text(double seconds, char buf[TIME_TEXT]);

bool terminal_utf8(void);
/* May colours be used on standard output? */
bool terminal_colour(void);
/* Columns of the terminal behind fd, 80 where there is none. */
int terminal_width(int fd);
double now_seconds(void);

/* ---- Progress (progress.c) ---- */

/* Only one bar at a time; on a terminal only, and not with --quiet. */
void progress_begin(const struct cli *cli);
/* At most ten times a second: a bar filled to `fraction` and the words behind it. */
void progress_show(double fraction, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes the bar off the screen, so that a line can be printed; the next progress_show() is drawn.
 */
void progress_clear(void);
void progress_end(void);
/* A device's listener: a line while its programs are compiled, also where no bar was begun. user: struct cli. */
void progress_building(void *user, int done, int n);
/* The same while a plan is tuned; stops that when interrupted. */
bool progress_tuning(void *user, const struct ocelli_tune_progress *p);

/* Receives the library's messages. */
void cli_log(void *user, enum ocelli_log_level level, const char *message);

/* From now on the first SIGINT or SIGTERM only sets a flag; a second one kills. */
void interrupt_catch(void);
bool interrupted(void);

/* ---- Devices and models (model.c) ---- */

/* Opens the device that the options ask for. An exit status. */
int device_get(struct cli *cli, bool profile, struct ocelli_device **out);
/* This program's file, for the processes that it starts; NULL where the system does not tell. */
const char *own_path(void);
/* The first n devices of the kind and platform that device_get() would take, which comes first. An exit
 * status. */
int devices_get(struct cli *cli, int n, struct ocelli_device **out);
/* Writes the trace, if one was asked for, and closes. The status, or EXIT_FAILED. */
int device_done(struct cli *cli, struct ocelli_device **dev, int status);
int devices_done(struct cli *cli, struct ocelli_device **dev, int n, int status);
const char *device_type_name(enum ocelli_device_type type);

/* Is there a network of that name? Else prints which there are. */
int net_check(const char *name);

/* The MODEL of the command line. */
struct model {
    struct ocelli_trained net; /* of an .onnx file: its name, and the batch */
    const char *dir;           /* the training directory.. */
    const char *onnx;          /* ..or the .onnx file; both NULL: a network by name */
    struct ocelli_shape input; /* of an .onnx file's inputs; rank 0: as the file has it */
    const struct ocelli_array *array; /* content of such inputs, by name */
    int n_arrays;
};
int model_find(const char *name, struct model *out);
/* How pictures become the model's input: as asked for, as it was trained, or NULL: nobody said. */
const char *model_preprocess(const struct model *m, const struct ocelli_graph *g,
                             const char *asked);
/* What pictures the model takes: channels, height, width. An exit status. */
int model_image(const struct model *m, int image[3]);
/* Sets batch and extents from --input; all zero: leaves the network's own. */
void model_input(struct model *m, const int input[4]);
/* A network by name takes the shape of the dataset's images. */
void model_fit(struct model *m, const struct ocelli_dataset_info *info);
/* The network's graph. With `train`: input "labels", output "loss" and the optimiser's step. */
int model_graph(const struct model *m, bool train, struct ocelli_graph **out);
/* Weights of a graph: the trained ones, the file's, or new ones from the seed. */
int model_weights(const struct cli *cli, const struct model *m, struct ocelli_device *dev,
                  const struct ocelli_graph *g, struct ocelli_weights **out);

/* The same for a plan of its own, which makes those of a file or a seed itself: NULL then, and less memory. */
int model_plan_weights(const struct cli *cli, const struct model *m, struct ocelli_device *dev,
                       const struct ocelli_graph *g, struct ocelli_weights **out);

/* An entry for a table of options; an enum ocelli_dtype lies at `at`. */
extern const char *const storage_words[];
#define STORAGE_OPTION(at)                                                                         \
    {"storage", OPT_WORD, (at), .words = storage_words, .arg = "TYPE",                             \
     .help = "weights and feature maps in memory: f16 takes half of it (default f32)"}
/* What the option's word means. */
enum ocelli_dtype storage_type(int word);

/* As ocelli_eval() for an .onnx file, whose first output scores the classes; pixels (0 to 255) are
 * multiplied by `scale`. An exit status. */
int eval_onnx(const struct model *m, struct ocelli_device *dev, const struct ocelli_dataset *ds,
              float scale, const struct ocelli_eval_params *p, struct ocelli_eval_result *r);

/* Ten images, side by side, with what they are and what they were taken for. */
void draw_images(const struct ocelli_dataset *ds, int n, const int *predicted);

/* What --data, --data-dir and their companions say, as options of several commands. */
struct data_args {
    const char *name, *dir;
    int image_size;
    float held_out;
    bool skip_bad;
};
/* Opens a split. A folder's images become `image` (channels, height, width) in size, unless --image-size
 * says other. An exit status (samples.c). */
int data_open(const struct cli *cli, const struct data_args *a, const int image[3],
              enum ocelli_split split, struct ocelli_dataset **out);
/* Says how many images were skipped in both, on standard error; either may be NULL. */
void data_report(const struct cli *cli, const struct ocelli_dataset *a, const struct ocelli_dataset *b);
/* Entries for a table of options; `at` is where the struct lies in the command's arguments. */
#define DATA_OPTIONS(at)                                                                           \
    {"data", OPT_TEXT, (at) + offsetof(struct data_args, name), .arg = "DATASET",                  \
     .help = "fashion-mnist, mnist, cifar10 or folder"},                                           \
    {"data-dir", OPT_TEXT, (at) + offsetof(struct data_args, dir), .arg = "DIR",                   \
     .help = "where its files are (default: where the system's package puts them)"},               \
    {"image-size", OPT_INT, (at) + offsetof(struct data_args, image_size), 1, 4096, .arg = "N",    \
     .help = "side of a folder's images (default: the network's)"},                                \
    {"held-out", OPT_FLOAT, (at) + offsetof(struct data_args, held_out), 1e-6, 0.999999,           \
     .arg = "X", .help = "part of a folder without val or test that is tested on (default 0.1)"},  \
    {"skip-bad", OPT_FLAG, (at) + offsetof(struct data_args, skip_bad),                            \
     .help = "go on without images that cannot be read, and count them"}

/* The first n images as PNG files in that folder, which is made. An exit status (samples.c). */
int samples_write(const struct ocelli_dataset *ds, int n, const char *dir);

/* ---- Labels (labels.c) ---- */

/* The names of classes, from a file with one a line. */
struct labels {
    char **name;
    int n;
};
/* An exit status. */
int labels_read(const char *path, struct labels *l);
void labels_free(struct labels *l);

/* ---- Arrays (arrays.c) ---- */

const char *dtype_text(enum ocelli_dtype dtype);
int64_t array_elements(const struct ocelli_array *a);
/* Element i of an array of any type. */
double array_element(const struct ocelli_array *a, int64_t i);
bool same_shape(const struct ocelli_shape *a, const struct ocelli_shape *b);
/* A tensor's content under that name; ocelli_array_free() frees it. An error code. */
int tensor_array(struct ocelli_tensor *t, const char *name, struct ocelli_array *out);
/* NaN where there are elements that are, or none. */
void array_summary(const struct ocelli_array *a, double *min, double *max, double *mean);

/* ---- Doctor's probes of the operations (probe.c, probe_ops.c) ---- */

struct probe_result {
    const char *name;
    bool ok;
    char detail[512];
};
int probe_count(void);
/* Computes one operation with the device's own choice of kernels and with the reference ones, and
 * compares both with what the host computes. */
void probe_run(struct ocelli_device *dev, int i, struct probe_result *out);

#endif
