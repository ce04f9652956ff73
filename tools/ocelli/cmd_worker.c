/* ocelli tune-worker and compile-worker: the processes in which `ocelli tune` tries candidates, and
 * which compile kernels beside a command that waits for many. Nobody calls them by hand, so no list
 * names them. */
#include "cli.h"

static int run_tune(struct cli *cli, const void *args)
{
    int err = ocelli_tune_worker();

    (void)cli, (void)args;
    return err ? cli_failed(NULL, err) : EXIT_DONE;
}

static int run_compile(struct cli *cli, const void *args)
{
    int err = ocelli_compile_worker();

    (void)cli, (void)args;
    return err ? cli_failed(NULL, err) : EXIT_DONE;
}

const struct command cmd_tune_worker = {
    .name = "tune-worker",
    .operands = "",
    .summary = "Serve candidates to ocelli tune on standard input and output",
    .run = run_tune,
};

const struct command cmd_compile_worker = {
    .name = "compile-worker",
    .operands = "",
    .summary = "Compile kernels for another process, named on standard input",
    .run = run_compile,
};
