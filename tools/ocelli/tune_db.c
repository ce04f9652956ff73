/* ocelli tune db: the database; and ocelli tune --simulate. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_tune.h"

/* ---- Rows ---- */

/* Every line of an export as JSON. */
static json_t *rows_of(const struct tune_args *a, bool all, int *status)
{
    char *text = NULL, *save = NULL;
    int err =
        ocelli_tune_export(a->database, all ? OCELLI_TUNE_ALL : OCELLI_TUNE_WINNERS, NULL, &text);
    json_t *list = json_array();
    *status = err ? cli_failed(NULL, err) : EXIT_DONE;
    for (char *s = text ? strtok_r(text, "\n", &save) : NULL; s; s = strtok_r(NULL, "\n", &save))
        json_array_append_new(list, json_loads(s, 0, NULL));
    free(text);
    return list;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static double number_of(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static int db_list(struct cli *cli, const struct tune_args *a)
{
    int status;
    json_t *rows = rows_of(a, false, &status), *row;
    size_t i;
    if (status == EXIT_DONE && cli->json) {
        status = out_json(json_pack("{s:O}", "winners", rows));
    } else {
        json_array_foreach(rows, i, row)
        {
            out("%s\n    %s: %s %s  %.4f ms (default %.4f ms)\n", text_of(row, "problem"),
                text_of(row, "device"), text_of(row, "variant"), text_of(row, "setting"),
                number_of(row, "ms"), number_of(row, "default_ms"));
        }
    }
    json_decref(rows);
    return status;
}

static void count(json_t *counts, const char *key)
{
    json_object_set_new(counts, key,
                        json_integer(json_integer_value(json_object_get(counts, key)) + 1));
}

static int db_stats(struct cli *cli, const struct tune_args *a)
{
    char path[PATH_MAX];
    json_t *statuses = json_object(), *devices = json_object(), *row;
    double gain = 0;
    int status, winners = 0, results = 0;
    json_t *rows = rows_of(a, true, &status);
    size_t i;
    ocelli_tune_path(path, sizeof(path));
    json_array_foreach(rows, i, row)
    {
        if (strcmp(text_of(row, "row"), "winner") == 0) {
            winners++;
            count(devices, text_of(row, "device"));
            gain += log(fmax(number_of(row, "default_ms") / number_of(row, "ms"), 1));
        } else {
            results++;
            count(statuses, text_of(row, "status"));
        }
    }
    const double mean = winners ? exp(gain / winners) : 1;
    const char *file = a->database ? a->database : path;
    if (status == EXIT_DONE && cli->json) {
        status = out_json(json_pack("{s:s, s:i, s:i, s:o, s:O, s:O}", "file", file, "winners",
                                    winners, "candidates", results, "mean_gain", json_number(mean),
                                    "statuses", statuses, "devices", devices));
    } else if (status == EXIT_DONE) {
        const char *key;
        out("%s: %d winners, %d candidates tried; winners are %.2fx as fast as defaults on "
            "average\n",
            file, winners, results, mean);
        json_object_foreach(statuses, key, row)
            out("    %-12s %lld\n", key, (long long)json_integer_value(row));
    }
    json_decref(rows);
    json_decref(statuses);
    json_decref(devices);
    return status;
}

/* ---- There and back ---- */

static int db_export(struct cli *cli, const struct tune_args *a)
{
    char *text = NULL;
    int err = ocelli_tune_export(a->database,
                                 a->t4    ? OCELLI_TUNE_T4
                                 : a->all ? OCELLI_TUNE_ALL
                                          : OCELLI_TUNE_WINNERS,
                                 NULL, &text);
    if (err)
        return cli_failed(NULL, err);
    if (cli->n_operands > 2) {
        FILE *f = fopen(cli->operand[2], "we");
        bool ok = f && fputs(text, f) >= 0;
        ok = f && fclose(f) == 0 && ok;
        if (!ok)
            err = cli_error("%s: %s", cli->operand[2], strerror(errno));
    } else {
        out("%s", text);
    }
    free(text);
    return err ? EXIT_FAILED : EXIT_DONE;
}

static int tell_counts(const struct cli *cli, const struct ocelli_tune_counts *n)
{
    if (cli->json)
        return out_json(json_pack("{s:I, s:I, s:I, s:I}", "winners", (json_int_t)n->winners,
                                  "candidates", (json_int_t)n->results, "older",
                                  (json_int_t)n->older, "refused", (json_int_t)n->refused));
    out("%lld winners and %lld candidates taken, %lld winners were older, %lld lines refused\n",
        (long long)n->winners, (long long)n->results, (long long)n->older, (long long)n->refused);
    return EXIT_DONE;
}

#define IMPORT_MAX ((size_t)256 << 20)

static int db_import(struct cli *cli, const struct tune_args *a)
{
    struct ocelli_tune_counts n;
    const char *path = cli->operand[2];
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    if (!f)
        return cli_error("%s: %s", path, strerror(errno));
    FILE *copy = open_memstream(&text, &size);
    char part[65536];
    for (size_t got; copy && size < IMPORT_MAX && (got = fread(part, 1, sizeof(part), f)) > 0;)
        fwrite(part, 1, got, copy);
    bool ok = copy && fclose(copy) == 0 && !ferror(f);
    fclose(f);
    int err = ok ? ocelli_tune_import(a->database, text, &n) : OCELLI_ERR_IO;
    free(text);
    if (!ok)
        return cli_error("%s: it cannot be read", path);
    return err ? cli_failed(path, err) : tell_counts(cli, &n);
}

static int db_merge(struct cli *cli, const struct tune_args *a)
{
    struct ocelli_tune_counts n;
    int err = ocelli_tune_merge(a->database, cli->operand[2], &n);
    return err ? cli_failed(NULL, err) : tell_counts(cli, &n);
}

/* ---- Do winners hold? ---- */

static int count_status(const struct ocelli_tune_verdict *v, int n, const char *status)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += strcmp(v[i].status, status) == 0;
    return count;
}

static int verdicts_json(const struct ocelli_tune_verdict *v, int n, int bad)
{
    json_t *rows = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(
            rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "key", v[i].problem, "variant",
                            v[i].variant, "setting", v[i].setting, "status", v[i].status, "why",
                            v[i].why, "gain_then", json_number(v[i].gain_then), "gain_now",
                            json_number(v[i].gain_now > 0 ? v[i].gain_now : NAN)));
    return out_json(
        json_pack("{s:b, s:o, s:i, s:i}", "sound", 1, "winners", rows, "looked_at", n, "bad", bad));
}

static void verdicts_text(const struct cli *cli, const struct ocelli_tune_verdict *v, int n)
{
    out("the file is sound; of %d winners for this device looked at, %d hold, %d are slower than "
        "the default, %d wrong, %d stale, %d skipped\n",
        n, count_status(v, n, "holds"), count_status(v, n, "slower"), count_status(v, n, "wrong"),
        count_status(v, n, "stale"), count_status(v, n, "skipped"));
    for (int i = 0; i < n; i++)
        if (!cli->quiet || strcmp(v[i].status, "holds") != 0)
            out("%-8s %s\n         %s %s: %s\n", v[i].status, v[i].problem, v[i].variant,
                v[i].setting, v[i].why);
}

static bool verify_tell(void *user, const struct ocelli_tune_progress *p)
{
    (void)user;
    progress_show(p->spent / p->budget, "%s", p->problem);
    return !interrupted();
}

/* Wrong or slower ones are a failure; stale ones are not used by anybody. */
static int verify_winners(struct cli *cli, const struct tune_args *a, struct ocelli_device *dev)
{
    struct ocelli_tune_verdict *v = NULL;
    int n = 0, status = EXIT_DONE;
    interrupt_catch();
    progress_begin(cli);
    int err = ocelli_tune_verify(dev,
                                 &(struct ocelli_tune_params){.budget = (double)a->budget,
                                                              .candidates = a->candidates,
                                                              .worker = own_path(),
                                                              .database = a->database,
                                                              .busy = a->busy,
                                                              .compile_seconds = (double)a->timeout,
                                                              .run_seconds = (double)a->timeout,
                                                              .seed = cli->seed,
                                                              .progress = verify_tell,
                                                              .user = cli,
                                                              .log = cli_log},
                                 &v, &n);
    progress_end();
    if (err)
        return cli_failed("tune db verify", err);
    const int bad = count_status(v, n, "slower") + count_status(v, n, "wrong");
    if (cli->json)
        status = verdicts_json(v, n, bad);
    else
        verdicts_text(cli, v, n);
    ocelli_tune_verdicts_free(&v, n);
    if (status == EXIT_DONE && bad > 0)
        status = cli_error("tune db verify: %d of %d winners %s hold: tune %s again", bad, n,
                           bad == 1 ? "does not" : "do not", bad == 1 ? "it" : "them");
    return status == EXIT_DONE && interrupted() ? EXIT_INTERRUPTED : status;
}

static int db_verify(struct cli *cli, const struct tune_args *a)
{
    struct ocelli_device *dev = NULL;
    int err = ocelli_tune_check(a->database);
    if (err)
        return cli_failed(NULL, err);
    if (cli->device && strcmp(cli->device, "null") == 0) {
        if (cli->json)
            return out_json(json_pack("{s:b}", "sound", 1));
        out("the file is sound\n");
        return EXIT_DONE;
    }
    int status = device_get(cli, false, &dev);
    if (status == EXIT_DONE)
        status = verify_winners(cli, a, dev);
    return device_done(cli, &dev, status);
}

int tune_db(struct cli *cli, const struct tune_args *a)
{
    static const struct {
        const char *word;
        int files[2]; /* at least, at most */
        int (*run)(struct cli *cli, const struct tune_args *a);
    } verbs[] = {{"list", {0, 0}, db_list},     {"export", {0, 1}, db_export},
                 {"import", {1, 1}, db_import}, {"merge", {1, 1}, db_merge},
                 {"verify", {0, 0}, db_verify}, {"stats", {0, 0}, db_stats}};
    const char *verb = cli->n_operands > 1 ? cli->operand[1] : "";
    for (size_t i = 0; i < COUNT(verbs); i++) {
        if (strcmp(verbs[i].word, verb) != 0)
            continue;
        if (cli->n_operands - 2 < verbs[i].files[0] || cli->n_operands - 2 > verbs[i].files[1])
            return cli_usage("tune db %s: %s", verb,
                             verbs[i].files[1] ? "one FILE" : "no operand goes with it");
        return verbs[i].run(cli, a);
    }
    return cli_usage("tune db: list, export [FILE], import FILE, merge FILE, verify or stats");
}

/* ---- Simulation ---- */

int tune_simulate(const struct cli *cli, const struct tune_args *a)
{
    struct ocelli_tune_simulation s;
    int err = a->from ? ocelli_tune_transfer(a->simulate, a->from, a->strategy, a->repeats,
                                             (double)a->fraction, cli->seed, &s)
                      : ocelli_tune_simulate(a->simulate, a->strategy, a->repeats,
                                             (double)a->fraction, cli->seed, &s);
    if (err)
        return cli_failed(NULL, err);
    if (cli->json) {
        json_t *curve = json_array();
        for (size_t i = 0; i < COUNT(s.curve); i++)
            json_array_append_new(curve, json_number(s.curve[i]));
        return out_json(json_pack(
            "{s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "space", a->simulate, "strategy",
            a->strategy, "repeats", a->repeats, "candidates", s.candidates, "best_ms",
            json_number(s.best_ms), "median_ms", json_number(s.median_ms), "to95",
            json_number(s.to95), "to95_share", json_number(s.to95 / s.candidates), "curve", curve));
    }
    out("%s: %d candidates, best %.4f ms, median %.4f ms\n", a->simulate, s.candidates, s.best_ms,
        s.median_ms);
    if (isfinite(s.to95))
        out("%s: within 95 %% of the best after %.0f candidates (%.1f %% of the space), the median "
            "of %d "
            "searches\n",
            a->strategy, s.to95, 100 * s.to95 / s.candidates, a->repeats);
    else
        out("%s: most of %d searches did not come within 95 %% of the best\n", a->strategy,
            a->repeats);
    out("performance after 1, 2, 5, 10, 20 %% of the space: %.3f %.3f %.3f %.3f %.3f\n", s.curve[0],
        s.curve[1], s.curve[2], s.curve[3], s.curve[4]);
    return EXIT_DONE;
}
