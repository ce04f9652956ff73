/* ocelli onnx-test: the ONNX backend's test cases.
 *
 * The cases run in a process of their own, which tells each result through a pipe. When it dies or hangs
 * the case in work has failed, and another process goes on with the next one. The first process never
 * opens a device: OpenCL drivers do not survive a fork. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "onnx_cases.h"

struct test_args {
    float rtol, atol;
    const char *list, *variant;
    bool no_fusion;
    int timeout;
};

static const struct test_args defaults = {.rtol = 1e-3f, .atol = 1e-7f, .timeout = 300};

static const struct option_spec options[] = {
    {"rtol", OPT_FLOAT, offsetof(struct test_args, rtol), 0, 1, .arg = "X",
     .help = "tolerance relative to what is expected (default 1e-3)"},
    {"atol", OPT_FLOAT, offsetof(struct test_args, atol), 0, 1, .arg = "X",
     .help = "tolerance added to that (default 1e-7)"},
    {"list", OPT_TEXT, offsetof(struct test_args, list), .arg = "FILE",
     .help = "run only the cases in the second column of this table (tabs, with a head line)"},
    {"timeout", OPT_INT, offsetof(struct test_args, timeout), 1, 86400, .arg = "SECONDS",
     .help = "a case that takes longer has failed (default 300)"},
    {"no-fusion", OPT_FLAG, offsetof(struct test_args, no_fusion),
     .help = "one launch an operation, as the network was written"},
    {"variant", OPT_TEXT, offsetof(struct test_args, variant), .arg = "LIST",
     .help = "use these kernels where they apply: ref, or conv2d/direct,gemm/ref"},
    {0},
};

/* ---- The process that computes ---- */

static bool send_result(int fd, const struct case_result *r)
{
    const char *p = (const char *)r;
    size_t left = sizeof(*r);

    while (left > 0) {
        ssize_t n = write(fd, p, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        left -= (size_t)n;
    }
    return true;
}

/* Results of the cases from `first` on. Its status: 0, or that of the device that could not be opened. */
static int compute(struct cli *cli, const struct test_args *a, const struct onnx_cases *c, int first, int fd)
{
    const struct case_params p = {a->rtol, a->atol, a->no_fusion, a->variant};
    struct ocelli_device *dev = NULL;
    int status = device_get(cli, false, &dev);

    for (int i = first; status == EXIT_DONE && i < c->n; i++) {
        struct case_result r;

        memset(&r, 0, sizeof(r));
        onnx_case_run(dev, &c->item[i], &p, &r);
        if (!send_result(fd, &r))
            status = EXIT_FAILED;
    }
    return device_done(cli, &dev, status);
}

/* ---- The process that counts ---- */

struct worker {
    pid_t pid; /* 0: none */
    int fd;
};

static int worker_start(struct worker *w, struct cli *cli, const struct test_args *a,
                        const struct onnx_cases *c, int first)
{
    int fd[2];

    fflush(stdout);
    if (pipe(fd) != 0)
        return cli_error("onnx-test: %s", strerror(errno));
    w->pid = fork();
    if (w->pid < 0) {
        close(fd[0]);
        close(fd[1]);
        w->pid = 0;
        return cli_error("onnx-test: %s", strerror(errno));
    }
    if (w->pid == 0) {
        close(fd[0]);
        _exit(compute(cli, a, c, first, fd[1]));
    }
    close(fd[1]);
    w->fd = fd[0];
    return EXIT_DONE;
}

/* Its end in words; the exit status where it ended by itself, else -1. */
static int worker_end(struct worker *w, char *why, size_t size)
{
    int status = 0;

    close(w->fd);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    w->pid = 0;
    if (WIFSIGNALED(status)) {
        snprintf(why, size, "crashed: %s", strsignal(WTERMSIG(status)));
        return -1;
    }
    snprintf(why, size, "its process ended with status %d", WEXITSTATUS(status));
    return WEXITSTATUS(status);
}

/* Waits for one result; 0, or -1 when the process is at its end, or 1 when time is. */
static int receive(const struct worker *w, struct case_result *r, int seconds)
{
    char *p = (char *)r;
    size_t left = sizeof(*r);
    double end = now_seconds() + seconds;

    while (left > 0) {
        struct pollfd f = {.fd = w->fd, .events = POLLIN};
        double wait = end - now_seconds();
        int ready = poll(&f, 1, wait > 0 ? (int)(1e3 * wait) + 1 : 0);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return 1;
        ssize_t n = ready < 0 ? -1 : read(w->fd, p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        left -= (size_t)n;
    }
    return 0;
}

static const char *const words[] = {"passed", "failed", "unsupported"};

static void tell(const struct cli *cli, const struct onnx_case *c, const struct case_result *r, json_t *list)
{
    if (cli->json)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", c->name, "status",
                                              words[r->status], "reason", r->reason, "max_abs",
                                              json_number(r->max_abs), "max_rel",
                                              json_number(r->max_rel)));
    else if (r->status != CASE_PASSED && !cli->quiet) {
        progress_clear();
        out("%-11s %s: %s\n", words[r->status], c->name, r->reason);
    } else if (cli->verbose)
        out("%-11s %s (%.2g absolute, %.2g relative)\n", words[r->status], c->name, r->max_abs, r->max_rel);
}

/* Text of files is not to be trusted with a terminal, or to be UTF-8. */
static void clean(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
            *s = '?';
}

static int run_all(struct cli *cli, const struct test_args *a, const struct onnx_cases *c, int count[3],
                   json_t *list)
{
    struct worker w = {0};
    int status = EXIT_DONE;
    bool any = false; /* result from this worker */

    for (int i = 0; i < c->n && status == EXIT_DONE; i++) {
        struct case_result r = {0};
        int got, ended = -1;

        if (!w.pid) {
            if ((status = worker_start(&w, cli, a, c, i)) != EXIT_DONE)
                break;
            any = false;
        }
        got = receive(&w, &r, a->timeout);
        if (got > 0)
            kill(w.pid, SIGKILL);
        if (got != 0) {
            r = (struct case_result){.status = CASE_FAILED};
            ended = worker_end(&w, r.reason, sizeof(r.reason));
            if (got > 0)
                snprintf(r.reason, sizeof(r.reason), "not done after %d s", a->timeout);
            if (got < 0 && ended > 0 && !any) { /* no device: it has said so */
                status = ended;
                break;
            }
        }
        any = true;
        r.reason[sizeof(r.reason) - 1] = '\0';
        clean(r.reason);
        count[r.status]++;
        tell(cli, &c->item[i], &r, list);
        progress_show((double)(i + 1) / c->n, "%d of %d cases, %d failed", i + 1, c->n, count[CASE_FAILED]);
        if (interrupted())
            status = EXIT_INTERRUPTED;
    }
    if (w.pid) {
        char why[64];

        if (status != EXIT_DONE)
            kill(w.pid, SIGKILL);
        int ended = worker_end(&w, why, sizeof(why));
        if (status == EXIT_DONE && ended > 0)
            status = ended;
    }
    return status;
}

static int run(struct cli *cli, const void *args)
{
    const struct test_args *a = args;
    struct onnx_cases c = {0};
    json_t *list = json_array();
    int count[3] = {0}, status = EXIT_DONE;

    for (int i = 0; i < cli->n_operands && status == EXIT_DONE; i++)
        status = onnx_cases_find(&c, cli->operand[i]);
    if (status == EXIT_DONE && a->list)
        status = onnx_cases_keep(&c, a->list);
    if (status != EXIT_DONE)
        goto out;
    progress_begin(cli);
    interrupt_catch();
    status = run_all(cli, a, &c, count, list);
    progress_end();
    if (status != EXIT_DONE && status != EXIT_INTERRUPTED)
        goto out;
    if (status == EXIT_INTERRUPTED)
        cli_error("onnx-test: interrupted");
    if (cli->json) {
        (void)out_json(json_pack("{s:i, s:i, s:i, s:O}", "passed", count[CASE_PASSED], "failed",
                                 count[CASE_FAILED], "unsupported", count[CASE_UNSUPPORTED], "cases", list));
    } else {
        out("%d passed, %d failed, %d unsupported\n", count[CASE_PASSED], count[CASE_FAILED],
            count[CASE_UNSUPPORTED]);
    }
    if (status == EXIT_DONE && count[CASE_FAILED] > 0)
        status = cli_error("onnx-test: %d of %d cases failed", count[CASE_FAILED], c.n);
out:
    json_decref(list);
    onnx_cases_free(&c);
    return status;
}

const struct command cmd_onnx_test = {
    .name = "onnx-test",
    .operands = "DIR...",
    .summary = "Run ONNX backend test cases",
    .details = "A case is a folder below DIR with model.onnx and test_data_set_N. An output is right when\n"
               "|a - b| <= atol + rtol |b| everywhere, b being what is expected. Exit status 1 if a case\n"
               "failed; what is not supported is no failure.\n",
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(defaults),
    .min_operands = 1,
    .max_operands = 1000,
    .run = run,
};
