/* checkcl: see checkcl.h, and usage() below. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkcl_table.h"
#include "checkcl_trial.h"

static const char usage[] =
    "usage: checkcl [options] FILE.txt|'PROBLEM'...\n"
    "Runs problems through every variant that applies, with the default tunables and changes of "
    "one at a\n"
    "time, against a double-precision oracle. A line \"! SHAPE PROBLEM\" in a file must fail with "
    "that code.\n"
    "  --tap            print the Test Anything Protocol\n"
    "  --device D       as the library's (index, name, cpu, gpu)\n"
    "  --gpu            as a graphics processor, whatever the device is: only the variants that "
    "processors do\n"
    "                   not have\n"
    "  --variant V      only this one (OP/VARIANT or VARIANT)\n"
    "  --seed N         of the data and of random problems (default 1)\n"
    "  --random N       also N random problems of every operation in the files (of all without "
    "files)\n"
    "  --max-macs N     leave out problems of more multiply-adds\n"
    "  --max-items N    leave out settings that launch more work-items\n"
    "  --settings N     at most N settings of tunables a problem (default 3)\n"
    "  --set LIST       these tunables, NAME=N,NAME=N.., instead of their defaults, and no others; "
    "where they\n"
    "                   do not fit the problem is left out\n"
    "  --exact          one run with whole numbers, buffers without canaries: for a checker that "
    "runs the\n"
    "                   kernels\n"
    "  --bench          time the problems instead of checking them\n"
    "  --list           only say what would be run\n";

struct options {
    bool tap, bench, list, exact, gpu;
    const char *device, *variant, *set;
    uint64_t seed;
    int random, settings;
    double max_macs, max_items;
};

struct session {
    struct options opt;
    struct ocelli_device *dev;
    struct kept kept;
    int n, failed, skipped;
    const struct op *seen[64]; /* operations of the problems so far */
    int n_seen;
    struct text warnings; /* of the kernels' compiler */
};

static const struct oracle *find_oracle(const struct op *op)
{
    for (const struct oracle_entry *e = oracle_table; e->op; e++)
        if (strcmp(e->op, op->name) == 0)
            return e->oracle;
    return NULL;
}

/* ---- Reporting ---- */

static void report(struct session *s, bool good, const char *skip, const char *name,
                   const char *text)
{
    s->n++;
    s->failed += !good;
    s->skipped += skip != NULL;
    if (s->opt.tap)
        printf("%s %d - %s %s%s%s\n", good ? "ok" : "not ok", s->n, name, text,
               skip ? " # SKIP " : "", skip ? skip : "");
    else if (!skip)
        printf("%s %s %s\n", good ? "ok  " : "FAIL", name, text);
    fflush(stdout);
}

static void report_failure(const struct session *s, const char *name, const char *text,
                           const struct text *why)
{
    printf("# checkcl --seed %llu --variant %s '%s'\n#   %s\n", (unsigned long long)s->opt.seed,
           name, text, why->s ? why->s : "failed without a word");
}

/* Kernels compile without a word. A kernel that comes from the disk cache says nothing. */
static void listen(void *user, enum ocelli_log_level level, const char *message)
{
    struct session *s = user;
    (void)level;
    if (strstr(message, "device/program:") && strcasestr(message, "warning"))
        text_add(&s->warnings, "#   %s\n", message);
}

/* ---- One problem ---- */

/* A problem's data and what should come out, in both modes; made once for all variants. */
struct trials {
    struct trial mode[FILL_REAL + 1];
    struct text why; /* not empty: it cannot be tested */
};

static void trials_init(struct trials *t, const struct problem *p, const struct oracle *oracle,
                        const char *text, uint64_t seed)
{
    *t = (struct trials){0};
    for (int m = FILL_INTEGER; m <= FILL_REAL; m++)
        trial_init(&t->mode[m], p, oracle, text, seed, (enum fill_mode)m, &t->why);
}

static void trials_free(struct trials *t)
{
    for (int m = FILL_INTEGER; m <= FILL_REAL; m++)
        trial_free(&t->mode[m]);
    text_free(&t->why);
}

static bool check_setting(const struct trials *t, const struct subject *subject, struct text *why)
{
    struct text words = {0};
    bool good = true;
    const bool noisy = subject->variant->noise > 0;
    int last = subject->exact && !noisy ? FILL_INTEGER : FILL_REAL;
    for (int m = noisy ? FILL_REAL : FILL_INTEGER; m <= last && good; m++) {
        good = subject_check(subject, &t->mode[m], &words);
        if (good)
            continue;
        text_add(why, "%s numbers", m == FILL_INTEGER ? "whole" : "real");
        if (subject->variant->tunables)
            text_add(why, ", ");
        print_setting(subject->variant, subject->tv, why);
        text_add(why, ": %s", words.s ? words.s : "");
    }
    text_free(&words);
    return good;
}

static void bench_setting(const struct problem *p, const char *name, const char *text,
                          const struct subject *subject)
{
    struct cost c = problem_cost(p);
    struct bench_result r;
    struct text why = {0}, tv = {0};
    print_setting(subject->variant, subject->tv, &tv);
    if (subject_bench(subject, p, &r, &why))
        printf("%10.4f ms (busy %.4f) %8.2f GFLOP/s %7.2f GB/s  %s  %s  %s\n", r.ms, r.busy,
               c.flops / r.ms * 1e-6, c.bytes / r.ms * 1e-6, name, text, tv.s ? tv.s : "");
    else
        printf("%10s %s  %s  %s: %s\n", "failed", name, text, tv.s ? tv.s : "", why.s);
    fflush(stdout);
    text_free(&why);
    text_free(&tv);
}

static void run_variant(struct session *s, const struct problem *p, const struct trials *trials,
                        const char *text, const struct variant *v, const char *name)
{
    static int tv[MAX_SETTINGS][MAX_TUNABLES];
    const struct caps *caps = device_caps(s->dev);
    struct text why = {0};
    bool good = !trials->why.s;
    text_add(&why, "%s", trials->why.s ? trials->why.s : "");
    int limit = s->opt.bench && s->opt.settings == 0 ? 1 : s->opt.settings ? s->opt.settings : 3;
    int n = settings(p, caps, v, limit, hash64(text, strlen(text), s->opt.seed), tv);
    if (n == 0) {
        text_add(&why, "the variant applies, and its default tunables do not");
        good = false;
    }
    int left_out = 0;
    if (s->opt.set && n > 0) {
        n = 1;
        left_out = !change_setting(p, caps, v, s->opt.set, tv[0]);
    }
    for (int i = left_out; i < n && good; i++) {
        if (s->opt.max_items > 0 && work_items(p, caps, v, tv[i]) > s->opt.max_items) {
            left_out++;
            continue;
        }
        struct subject subject = {s->dev, v, tv[i], s->opt.exact ? &s->kept : NULL};
        if (s->opt.bench)
            bench_setting(p, name, text, &subject);
        else if (s->opt.list)
            continue;
        else
            good = check_setting(trials, &subject, &why);
    }
    if (s->opt.bench) {
        s->n++;
        s->failed += !good;
    } else if (s->opt.list) {
        s->n++;
        printf("%s '%s' (%d settings)\n", name, text, n);
    } else {
        report(s, good, n > 0 && left_out == n ? "not such settings" : NULL, name, text);
    }
    if (!good)
        report_failure(s, name, text, &why);
    text_free(&why);
}

/* Does it apply to processors too? */
static bool on_processors(const struct problem *p, const struct caps *caps, const struct variant *v)
{
    struct caps c = *caps;
    c.cpu_style = true;
    return variant_applies(v, p, &c);
}

static bool wanted(const char *filter, const struct op *op, const struct variant *v)
{
    const char *slash = filter ? strchr(filter, '/') : NULL;
    if (!filter)
        return true;
    if (!slash)
        return strcmp(filter, v->name) == 0;
    size_t n = (size_t)(slash - filter);
    return strlen(op->name) == n && strncmp(filter, op->name, n) == 0 &&
           strcmp(slash + 1, v->name) == 0;
}

static void run_variants(struct session *s, const struct problem *p, const char *text)
{
    const struct oracle *oracle = find_oracle(p->op);
    struct trials trials = {0};
    int applicable = 0;
    char name[96];
    if (!oracle) {
        report(s, false, NULL, p->op->name, text);
        printf("# there is no oracle for %s\n", p->op->name);
        return;
    }
    if (!s->opt.bench && !s->opt.list)
        trials_init(&trials, p, oracle, text, s->opt.seed);
    for (const struct variant *v = p->op->variants; v && v->name; v++) {
        if (!variant_applies(v, p, device_caps(s->dev)))
            continue;
        applicable++;
        snprintf(name, sizeof(name), "%s/%s", p->op->name, v->name);
        if (wanted(s->opt.variant, p->op, v) &&
            !(s->opt.gpu && on_processors(p, device_caps(s->dev), v)))
            run_variant(s, p, &trials, text, v, name);
    }
    if (applicable == 0) {
        report(s, false, NULL, p->op->name, text);
        printf("# no variant of %s applies to '%s'\n", p->op->name, text);
    }
    trials_free(&trials);
}

/* Nothing to run: an alias must only keep type and number of the elements. */
static void check_alias(struct session *s, const struct problem *p, const char *text)
{
    report(s, p->in[0].dtype == p->out[0].dtype && desc_bytes(&p->in[0]) == desc_bytes(&p->out[0]),
           NULL, p->op->name, text);
}

static void remember(struct session *s, const struct op *op)
{
    for (int i = 0; i < s->n_seen; i++)
        if (s->seen[i] == op)
            return;
    if (s->n_seen < (int)COUNT(s->seen))
        s->seen[s->n_seen++] = op;
}

static void run_problem(struct session *s, const char *text)
{
    _Alignas(16) char attr[PROBLEM_ATTR_BYTES];
    struct problem p;
    if (problem_parse(text, &p, attr) != 0) {
        report(s, false, NULL, "problem", text);
        printf("# %s\n", ocelli_error());
        return;
    }
    remember(s, p.op);
    struct cost c = problem_cost(&p);
    if (s->opt.max_macs > 0 && (c.macs > 0 ? c.macs : c.flops) > s->opt.max_macs)
        report(s, true, "too many multiply-adds", p.op->name, text);
    else if (p.op->flags & OP_ALIAS)
        check_alias(s, &p, text);
    else
        run_variants(s, &p, text);
}

/* "! SHAPE PROBLEM": parsing must fail so. */
static void run_refused(struct session *s, const char *line)
{
    static const struct {
        const char *word;
        int code;
    } codes[] = {
        {"INVALID", OCELLI_ERR_INVALID},
        {"SHAPE", OCELLI_ERR_SHAPE},
        {"UNSUPPORTED", OCELLI_ERR_UNSUPPORTED},
    };
    _Alignas(16) char attr[PROBLEM_ATTR_BYTES];
    struct problem p;
    int want = 0;
    line += 1 + strspn(line + 1, " ");
    size_t n = strcspn(line, " ");
    for (size_t i = 0; i < COUNT(codes); i++)
        if (strlen(codes[i].word) == n && strncmp(line, codes[i].word, n) == 0)
            want = codes[i].code;
    const char *text = line + n + strspn(line + n, " ");
    int err = problem_parse(text, &p, attr);
    bool good = want != 0 && err == want && ocelli_error()[0] != '\0';
    if (!s->opt.bench && !s->opt.list)
        report(s, good, NULL, "refused", text);
    if (!good)
        printf("# code %d, not %d: %s\n", err, want, err ? ocelli_error() : "accepted");
}

/* ---- Files and random problems ---- */

static int run_file(struct session *s, const char *path)
{
    char *text = NULL, *save = NULL;
    size_t bytes;
    int err = file_read(path, 1 << 24, &text, &bytes);
    if (err)
        return err;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        line += strspn(line, " \t\r");
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '!')
            run_refused(s, line);
        else if (line[0] != '#' && line[0] != '\0')
            run_problem(s, line);
    }
    free(text);
    return 0;
}

static bool is_seen(const struct session *s, const char *op)
{
    for (int i = 0; i < s->n_seen; i++)
        if (strcmp(s->seen[i]->name, op) == 0)
            return true;
    return s->n_seen == 0;
}

static void run_random(struct session *s)
{
    double budget = s->opt.max_macs > 0 ? s->opt.max_macs : 1e6;
    bool chosen[64] = {0};
    for (int e = 0; oracle_table[e].op && e < (int)COUNT(chosen); e++)
        chosen[e] = is_seen(s, oracle_table[e].op);
    printf("# seed %llu\n", (unsigned long long)s->opt.seed);
    for (int e = 0; oracle_table[e].op && e < (int)COUNT(chosen); e++) {
        const struct oracle *o = oracle_table[e].oracle;
        for (int i = 0; chosen[e] && o->random && i < s->opt.random; i++) {
            struct text t = {0};
            o->random(random_at(s->opt.seed, (uint64_t)e, (uint64_t)i), budget, &t);
            run_problem(s, t.s ? t.s : "");
            text_free(&t);
        }
    }
}

/* ---- Command line ---- */

enum {
    TAP = 256,
    DEVICE,
    VARIANT,
    SEED,
    RANDOM,
    MAX_MACS,
    MAX_ITEMS,
    SETTINGS,
    SET,
    EXACT,
    GPU,
    BENCH,
    LIST,
    HELP
};

static const struct option long_options[] = {
    {"tap", no_argument, NULL, TAP},
    {"device", required_argument, NULL, DEVICE},
    {"variant", required_argument, NULL, VARIANT},
    {"seed", required_argument, NULL, SEED},
    {"random", required_argument, NULL, RANDOM},
    {"max-macs", required_argument, NULL, MAX_MACS},
    {"max-items", required_argument, NULL, MAX_ITEMS},
    {"settings", required_argument, NULL, SETTINGS},
    {"set", required_argument, NULL, SET},
    {"exact", no_argument, NULL, EXACT},
    {"gpu", no_argument, NULL, GPU},
    {"bench", no_argument, NULL, BENCH},
    {"list", no_argument, NULL, LIST},
    {"help", no_argument, NULL, HELP},
    {0},
};

/* 0, or the exit status with which to stop, plus 1. */
static int parse_options(int argc, char **argv, struct options *o)
{
    int c;
    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (c) {
        case TAP:
            o->tap = true;
            break;
        case DEVICE:
            o->device = optarg;
            break;
        case VARIANT:
            o->variant = optarg;
            break;
        case SEED:
            o->seed = strtoull(optarg, NULL, 0);
            break;
        case RANDOM:
            o->random = atoi(optarg);
            break;
        case MAX_MACS:
            o->max_macs = atof(optarg);
            break;
        case MAX_ITEMS:
            o->max_items = atof(optarg);
            break;
        case SETTINGS:
            o->settings = atoi(optarg);
            break;
        case SET:
            o->set = optarg;
            break;
        case EXACT:
            o->exact = true;
            break;
        case GPU:
            o->gpu = true;
            break;
        case BENCH:
            o->bench = true;
            break;
        case LIST:
            o->list = true;
            break;
        case HELP:
            fputs(usage, stdout);
            return 1;
        default:
            fputs(usage, stderr);
            return 3;
        }
    }
    if (optind < argc || o->random > 0)
        return 0;
    fputs(usage, stderr);
    return 3;
}

int main(int argc, char **argv)
{
    struct session s = {.opt.seed = 1};
    int stop = parse_options(argc, argv, &s.opt);
    if (stop)
        return stop - 1;
    if (s.opt.gpu)
        setenv("OCELLI_STYLE", "gpu", 1);
    const struct ocelli_device_params dp = {.device = s.opt.device, .log = listen, .log_user = &s};
    if (ocelli_device_open(&s.dev, &dp) != 0) {
        printf("%s %s\n", s.opt.tap ? "Bail out!" : "checkcl:", ocelli_error());
        return 1;
    }
    printf("# %s\n", ocelli_device_get_info(s.dev)->name);
    for (int i = optind; i < argc; i++) {
        if (strchr(argv[i], '=')) {
            run_problem(&s, argv[i]);
        } else if (run_file(&s, argv[i]) != 0) {
            report(&s, false, NULL, argv[i], "could not be read");
            printf("# %s\n", ocelli_error());
        }
    }
    if (s.opt.random > 0)
        run_random(&s);
    kept_free(&s.kept);
    ocelli_device_close(&s.dev);
    if (s.warnings.s && !s.opt.exact) { /* the checker's compiler is not one that users have */
        report(&s, false, NULL, "checkcl", "kernels compile with warnings");
        fputs(s.warnings.s, stdout);
    }
    text_free(&s.warnings);
    if (s.opt.tap)
        printf("1..%d\n", s.n);
    else
        printf("# %d run, %d failed, %d left out\n", s.n - s.skipped, s.failed, s.skipped);
    return s.failed || s.n == s.skipped;
}
