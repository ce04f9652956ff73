/* ocelli tune: finding the fastest kernels for a device. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "cmd_tune.h"

static const struct tune_args defaults = {
    .budget = 60, .repeats = 100, .fraction = 0.05f, .batch = 1, .strategy = "auto"};

static const struct option_spec options[] = {
    {"budget", OPT_FLOAT, offsetof(struct tune_args, budget), 1, 1e7, .arg = "SECONDS",
     .help = "time in all (default 60)"},
    {"candidates", OPT_INT, offsetof(struct tune_args, candidates), 1, 1e9, .arg = "N",
     .help = "at most so many new candidates a problem; db verify: winners (20)"},
    {"strategy", OPT_TEXT, offsetof(struct tune_args, strategy), .arg = "NAME",
     .help = "auto, exhaustive, random, local, annealing, evolution, model"},
    {"values", OPT_TEXT, offsetof(struct tune_args, values), .arg = "LIST",
     .help = "only these values of parameters, as in 'MR=4,8 NV=2'"},
    {"resume", OPT_FLAG, offsetof(struct tune_args, resume),
     .help = "go on with what earlier runs tried (always so; see --afresh)"},
    {"afresh", OPT_FLAG, offsetof(struct tune_args, afresh), .help = "try again what was tried"},
    {"busy", OPT_FLAG, offsetof(struct tune_args, busy),
     .help = "compare processor time, for a CPU device that others use too"},
    {"jobs", OPT_INT, offsetof(struct tune_args, jobs), 1, 64, .arg = "N",
     .help = "processes that compile candidates ahead (default: by device; 1: none)"},
    {"batch", OPT_INT, offsetof(struct tune_args, batch), 1, 65536, .arg = "N",
     .help = "images a run of a network (default 1)"},
    {"train", OPT_FLAG, offsetof(struct tune_args, train),
     .help = "tune a network's training step"},
    {"list", OPT_FLAG, offsetof(struct tune_args, list), .help = "only print a network's problems"},
    {"database", OPT_TEXT, offsetof(struct tune_args, database), .arg = "FILE",
     .help = "the database (default: see ocelli tune db stats)"},
    {"timeout", OPT_FLOAT, offsetof(struct tune_args, timeout), 0.1, 1e5, .arg = "SECONDS",
     .help = "a candidate that takes longer to compile or run is given up (60 and 20)"},
    {"kernel", OPT_TEXT, offsetof(struct tune_args, kernel), .arg = "FILE.cl",
     .help = "tune your own kernel, with --spec"},
    {"spec", OPT_TEXT, offsetof(struct tune_args, spec), .arg = "FILE.json",
     .help = "what it takes, and what is right (or a T1 file)"},
    {"report", OPT_TEXT, offsetof(struct tune_args, report), .arg = "FILE.html",
     .help = "write what was tried as a page with pictures"},
    {"record", OPT_TEXT, offsetof(struct tune_args, record), .arg = "FILE",
     .help = "write all that is known of the problem, for --simulate"},
    {"simulate", OPT_TEXT, offsetof(struct tune_args, simulate), .arg = "FILE",
     .help = "run the strategy on a recorded space, without a device"},
    {"from", OPT_TEXT, offsetof(struct tune_args, from), .arg = "FILE",
     .help = "with --simulate: start from the best of this recorded space"},
    {"repeats", OPT_INT, offsetof(struct tune_args, repeats), 1, 1e6, .arg = "N",
     .help = "searches to simulate (default 100)"},
    {"fraction", OPT_FLOAT, offsetof(struct tune_args, fraction), 1e-6, 1, .arg = "X",
     .help = "of the recorded space, the longest search (default 0.05)"},
    {"all", OPT_FLAG, offsetof(struct tune_args, all),
     .help = "db export: every candidate, not only winners"},
    {"t4", OPT_FLAG, offsetof(struct tune_args, t4),
     .help = "db export: in the auto-tuning community's format T4"},
    {0},
};

/* ---- Progress ---- */

static bool tell(void *user, const struct ocelli_tune_progress *p)
{
    char left[TIME_TEXT];
    tune_trace_add(user, p);
    double rest = p->budget > p->spent ? p->budget - p->spent : 0;
    double gain = p->total_ms > p->saved_ms ? p->total_ms / (p->total_ms - p->saved_ms) : 1;
    progress_show(p->spent / p->budget,
                  "%d/%d  %d tried, %d rejected  %.2fx here, %.3fx in all  %s left", p->index + 1,
                  p->count, p->tried, p->rejected, p->best_ms > 0 ? p->default_ms / p->best_ms : 1,
                  gain, time_text(rest, left));
    return !interrupted();
}

/* ---- Results ---- */

static json_t *result_json(const struct ocelli_tune_result *r)
{
    return json_pack("{s:s, s:o, s:o, s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:s, s:o}", "key",
                     r->problem, "default_ms", json_number(r->default_ms), "best_ms",
                     json_number(r->best_ms), "tried", r->tried, "rejected", r->rejected, "known",
                     r->known, "uses", r->uses, "variant", r->variant, "setting", r->setting,
                     "default_variant", r->default_variant, "default_setting", r->default_setting,
                     "spread", json_number(r->spread));
}

static int print_results(const struct cli *cli, const struct ocelli_tune_result *r, int n,
                         const struct tune_network *net)
{
    double total = 0, best = 0;
    for (int i = 0; i < n; i++) {
        total += r[i].uses * r[i].default_ms;
        best += r[i].uses * r[i].best_ms;
    }
    if (cli->json) {
        json_t *list = json_array();
        for (int i = 0; i < n; i++)
            json_array_append_new(list, result_json(&r[i]));
        return out_json(json_pack(
            "{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "problems", list, "default_ms",
            json_number(total), "best_ms", json_number(best), "network_before_ms",
            json_number(net->before > 0 ? net->before : NAN), "network_after_ms",
            json_number(net->after > 0 ? net->after : NAN), "network_noise",
            json_number(net->before > 0 ? net->noise : NAN), "reverted", net->reverted > 0));
    }
    for (int i = 0; i < n; i++) {
        bool none = !*r[i].variant;
        out("%s\n", r[i].problem);
        if (none && !*r[i].setting)
            out("    there was no time for it\n");
        else if (none)
            out("    the default is no good: %s\n", r[i].setting);
        else
            out("    %-8s %9.4f ms  %s %s\n    %-8s %9.4f ms  %s %s  (%.2fx)\n", "default",
                r[i].default_ms, r[i].default_variant, r[i].default_setting, "best", r[i].best_ms,
                r[i].variant, r[i].setting, r[i].default_ms / r[i].best_ms);
        if (!cli->quiet)
            out("    %d tried (%d of them before), %d rejected; used %d time%s\n", r[i].tried,
                r[i].known, r[i].rejected, r[i].uses, r[i].uses == 1 ? "" : "s");
    }
    if (n > 1 && best > 0)
        out("\nall: %.3f ms by default, %.3f ms tuned (%.3fx)\n", total, best, total / best);
    if (net->before > 0)
        out("the network, in turn: %.3f ms by default, %.3f ms tuned (%.3fx, noise %.1f %%)\n",
            net->before, net->after, 1 / net->ratio, 100 * net->noise);
    if (net->reverted)
        out("slower as a whole: none of this is used, the defaults stay\n");
    return EXIT_DONE;
}

/* ---- What is tuned ---- */

/* Better found out now than after an hour. */
static int writable(const char *option, const char *path)
{
    FILE *f = path ? fopen(path, "ae") : NULL;
    if (path && !f)
        return cli_error("%s %s: %s", option, path, strerror(errno));
    if (f)
        fclose(f);
    return EXIT_DONE;
}

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "re");
    char *s = calloc(1, 1 << 20);
    size_t n = f && s ? fread(s, 1, (1 << 20) - 1, f) : 0;
    if (!f || !s || ferror(f)) {
        cli_error("%s: %s", path, strerror(errno));
        free(s);
        s = NULL;
    } else {
        s[n] = '\0';
    }
    if (f)
        fclose(f);
    return s;
}

static int tune_kernel(const struct tune_args *a, struct ocelli_device *dev,
                       const struct ocelli_tune_params *p, struct ocelli_tune_result **r)
{
    char folder[PATH_MAX];
    char *spec = read_text(a->spec);
    if (!spec)
        return EXIT_FAILED;
    snprintf(folder, sizeof(folder), "%s", a->spec);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    else
        strcpy(folder, ".");
    int err = ocelli_tune_kernel(dev, spec, folder, a->kernel, p, r);
    free(spec);
    return err ? cli_failed(a->spec, err) : EXIT_DONE;
}

static int tune_network(const struct cli *cli, const struct tune_args *a, const struct model *m,
                        struct ocelli_device *dev, const struct ocelli_tune_params *p,
                        struct ocelli_tune_result **r, int *n, struct tune_network *net)
{
    struct ocelli_graph *g = NULL;
    int status = model_graph(m, a->train, &g);
    if (status != EXIT_DONE)
        return status;
    int err = ocelli_tune_graph(dev, g, NULL, p, r, n);
    if (err)
        status = cli_failed(NULL, err);
    else if (p->budget > 0)
        status = tune_compare(cli, dev, g, a, net);
    if (status == EXIT_DONE && net->slower &&
        (err = ocelli_tune_revert(dev, a->database, *r, *n, &net->reverted)) != 0)
        status = cli_failed("tune", err);
    ocelli_graph_destroy(&g);
    return status;
}

/* The first word of a problem string is an operation, which no model is called. */
static bool is_problem(const char *s)
{
    return strchr(s, '=') != NULL;
}

static int list_problems(const struct cli *cli, const struct ocelli_tune_result *r, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        if (cli->json)
            json_array_append_new(list,
                                  json_pack("{s:s, s:i}", "key", r[i].problem, "uses", r[i].uses));
        else
            out("%s\n", r[i].problem);
    }
    if (cli->json)
        return out_json(json_pack("{s:o}", "problems", list));
    json_decref(list);
    return EXIT_DONE;
}

static int tune_operands(struct cli *cli, const struct tune_args *a, struct ocelli_device *dev,
                         const struct ocelli_tune_params *p, const struct tune_trace *trace)
{
    struct ocelli_tune_result *r = NULL;
    struct model m;
    struct tune_network net = {0};
    int n = cli->n_operands, status = EXIT_DONE, err;

    if (a->spec) {
        n = 1;
        status = tune_kernel(a, dev, p, &r);
    } else if (is_problem(cli->operand[0])) {
        err = ocelli_tune_problems(dev, (const char *const *)cli->operand, n, p, &r);
        status = err ? cli_failed("tune", err) : EXIT_DONE;
    } else if ((status = model_find(cli->operand[0], &m)) == EXIT_DONE) {
        m.net.params.batch = a->batch;
        status = tune_network(cli, a, &m, dev, p, &r, &n, &net);
    }
    progress_end();
    if (status == EXIT_DONE)
        status = a->list ? list_problems(cli, r, n) : print_results(cli, r, n, &net);
    for (int i = 0; status == EXIT_DONE && i < n && a->record && r; i++)
        if ((err = ocelli_tune_record(dev, r[i].problem, a->database, a->record)) != 0)
            status = cli_failed("--record", err);
    if (status == EXIT_DONE && a->report && r)
        status = tune_report_page(a, dev, r, n, trace);
    ocelli_tune_results_free(&r, n);
    return status == EXIT_DONE && interrupted() ? EXIT_INTERRUPTED : status;
}

static int run(struct cli *cli, const void *args)
{
    const struct tune_args *a = args;
    struct ocelli_device *dev = NULL;
    struct tune_trace trace = {0};
    int status;

    if (a->simulate)
        return tune_simulate(cli, a);
    if (cli->n_operands && strcmp(cli->operand[0], "db") == 0)
        return tune_db(cli, a);
    if ((a->kernel && !a->spec) || (a->spec && cli->n_operands))
        return cli_usage(
            "tune: --kernel FILE.cl goes with --spec FILE.json, and nothing else is tuned then");
    if (!a->spec && cli->n_operands == 0)
        return cli_usage("tune: what? A MODEL, a PROBLEM, --spec, --simulate, or db");
    for (int i = 1; i < cli->n_operands; i++)
        if (!is_problem(cli->operand[0]) || !is_problem(cli->operand[i]))
            return cli_usage("%s: one MODEL, or problems, at a time", cli->operand[i]);
    if ((status = writable("--report", a->report)) != EXIT_DONE ||
        (status = writable("--record", a->record)) != EXIT_DONE)
        return status;
    const struct ocelli_tune_params p = {.budget = a->list ? -1 : (double)a->budget,
                                         .candidates = a->candidates,
                                         .strategy = a->strategy,
                                         .values = a->values,
                                         .worker = own_path(),
                                         .database = a->database,
                                         .afresh = a->afresh,
                                         .busy = a->busy,
                                         .jobs = a->jobs,
                                         .compile_seconds = (double)a->timeout,
                                         .run_seconds = (double)a->timeout,
                                         .seed = cli->seed,
                                         .progress = tell,
                                         .user = &trace,
                                         .log = cli_log};
    interrupt_catch();
    progress_begin(cli);
    if ((status = device_get(cli, false, &dev)) == EXIT_DONE)
        status = tune_operands(cli, a, dev, &p, &trace);
    tune_trace_free(&trace);
    return device_done(cli, &dev, status);
}

const struct command cmd_tune = {
    .name = "tune",
    .operands = "[MODEL|PROBLEM...|db list|export|import|merge|verify|stats [FILE]]",
    .summary = "Find the fastest kernels for a device, and remember them",
    .details = "Each candidate is compared with the reference kernel before it is timed, in a "
               "process of its own;\n"
               "a winner must beat the default twice. Every network uses what was found. Ctrl-C "
               "keeps it all.\n",
    .options = options,
    .defaults = &defaults,
    .args_size = sizeof(defaults),
    .min_operands = 0,
    .max_operands = 1000,
    .run = run,
};
