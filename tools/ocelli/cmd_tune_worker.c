/* ocelli tune-worker: the process in which `ocelli tune` tries candidates. Nobody calls it by hand,
 * so no list names it. */
#include "cli.h"

static int run(struct cli *cli, const void *args)
{
    int err = ocelli_tune_worker();

    (void)cli, (void)args;
    return err ? cli_failed(NULL, err) : EXIT_DONE;
}

const struct command cmd_tune_worker = {
    .name = "tune-worker",
    .operands = "",
    .summary = "Serve candidates to ocelli tune on standard input and output",
    .run = run,
};
