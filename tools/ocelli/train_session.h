/* What the parts of `ocelli train` share. */
#ifndef CLI_TRAIN_H
#define CLI_TRAIN_H

#include "cli.h"

struct train_args {
    struct data_args data;
    const char *out, *augment, *variant, *log_steps;
    int epochs, batch, accumulate, optimizer, schedule, init, devices;
    int64_t steps, checkpoint_steps, warmup;
    uint64_t cap;
    float lr, momentum, weight_decay, smoothing, clip_norm, clip_value;
    bool resume, decoupled, log_gradients, keep_best;
};

/* What the callbacks share. */
struct session {
    struct cli *cli;
    const struct train_args *args;
    const char *net, *out;
    struct ocelli_dataset *train, *test;
    struct ocelli_device **dev; /* args->devices of them */
    json_t *epochs;
    FILE *steps;  /* of --log-steps.. */
    bool logging; /* ..which stands where the next row goes */
    bool headed;
};

/* Words that stand for the library's numbers. */
extern const char *const train_optimizers[], *const train_schedules[];

void train_introduce(const struct session *s);
/* The command line again, quoted for a shell where it must be, with --resume. */
void train_resume_hint(const struct session *s);
/* The images shown, as files. An exit status. */
int train_samples(const struct session *s);
int train_report(struct session *s, const struct ocelli_train_result *r);

#endif
