/* ocelli: the command-line tool. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <locale.h>

#include "cli.h"

static const struct command *const commands[] = {
    &cmd_devices, &cmd_train, &cmd_eval, &cmd_classify, &cmd_visualize, &cmd_run, &cmd_export,
    &cmd_info, &cmd_dump, &cmd_bench, &cmd_tune, &cmd_onnx_test, &cmd_doctor,
};
static const struct command *const unlisted[] = {&cmd_tune_worker, &cmd_compile_worker};

static const struct command *find_in(const struct command *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i]->name, name) == 0)
            return list[i];
    return NULL;
}

static const struct command *find(const char *name)
{
    const struct command *c = find_in(commands, COUNT(commands), name);
    return c ? c : find_in(unlisted, COUNT(unlisted), name);
}

static void overview(void)
{
    out("Usage: ocelli COMMAND [OPTION...]\n"
        "Runs and trains convolutional networks on any OpenCL device.\n\nCommands:\n");
    for (size_t i = 0; i < COUNT(commands); i++)
        out("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    out("\n'ocelli COMMAND --help' tells more about each; 'man ocelli' tells it all.\n"
        "'ocelli --version' prints the version.\n");
}

/* PoCL reads these at the first OpenCL call. It leaves its worker threads where the system puts
 * them, which is often all on one core: pinned, the same kernels run up to twice as fast. And it
 * compiles each kernel twice, for any size of work-group and for the one launched: the first is
 * enough here. */
static void tune_environment(void)
{
    const char *self = own_path();

    if (self) /* plans that are tuned want a worker: this program is one */
        setenv("OCELLI_TUNE_WORKER", self, 0);
    if (getenv("OCELLI_NO_ENV"))
        return;
    setenv("POCL_AFFINITY", "1", 0);
    setenv("POCL_WORK_GROUP_SPECIALIZATION", "0", 0);
}

static int run(const struct command *command, int argc, char **argv)
{
    struct cli cli = {.program = argv[0], .argv = argv, .command = command, .seed = 1};
    void *args = calloc(1, command->args_size + 1);
    int status = EXIT_FAILED;

    if (!args)
        return cli_error("%s: out of memory", command->name);
    if (command->defaults)
        memcpy(args, command->defaults, command->args_size);
    status = options_parse(&cli, argc - 2, argv + 2, args);
    if (status == 0) {
        if (cli.help)
            options_help(&cli);
        else
            status = command->run(&cli, args);
    }
    progress_end();
    free(cli.operand);
    free(args);
    return out_finish(status);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    tune_environment();
    if (argc < 2)
        return cli_usage("command line: no command; 'ocelli --help' lists them");

    const char *word = argv[1];
    if (strcmp(word, "--version") == 0) {
        out("ocelli %s\n", ocelli_version());
        return out_finish(EXIT_DONE);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        overview();
        return out_finish(EXIT_DONE);
    }
    if (word[0] == '-')
        return cli_usage("%s: options go behind a command; 'ocelli --help' lists them", word);

    const struct command *command = find(word);
    if (!command)
        return cli_usage("%s: no such command; 'ocelli --help' lists them", word);
    return run(command, argc, argv);
}
