/* One parser for every command: tables of options in, a filled struct out. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct option_spec common[] = {
    {"device", OPT_TEXT, offsetof(struct cli, device), .arg = "WHICH",
     .help = "device: its number, a part of its name, cpu, gpu or null"},
    {"platform", OPT_TEXT, offsetof(struct cli, platform), .arg = "NAME",
     .help = "OpenCL platform: a part of its name"},
    {"trace", OPT_TEXT, offsetof(struct cli, trace), .arg = "FILE",
     .help = "write the times of all device commands, for ui.perfetto.dev"},
    {"seed", OPT_SEED, offsetof(struct cli, seed), .arg = "N",
     .help = "start of all random numbers (default 1)"},
    {"json", OPT_FLAG, offsetof(struct cli, json), .help = "print one JSON document"},
    {"quiet", OPT_FLAG, offsetof(struct cli, quiet), .help = "print results only"},
    {"verbose", OPT_FLAG, offsetof(struct cli, verbose), .help = "tell what is being done"},
    {"help", OPT_FLAG, offsetof(struct cli, help), .help = "print this"},
    {0},
};

/* getopt's number of an option is its place in the two tables, one behind the other. */
#define FIRST 256
#define MAX_OPTIONS 64

static int build(const struct command *command, struct option *list,
                 const struct option_spec **specs)
{
    const struct option_spec *tables[] = {common, command->options};
    int n = 0;

    for (size_t t = 0; t < COUNT(tables); t++) {
        for (const struct option_spec *s = tables[t]; s && s->name && n < MAX_OPTIONS; s++) {
            list[n] = (struct option){
                s->name, s->kind == OPT_FLAG ? no_argument : required_argument, NULL, FIRST + n};
            specs[n++] = s;
        }
    }
    list[n] = (struct option){0};
    return n;
}

/* "1 to 100", "at least 1". */
static int out_of_range(const struct option_spec *s, const char *text)
{
    if (s->max < 1e15)
        return cli_usage("--%s %s: must be from %g to %.10g", s->name, text, s->min, s->max);
    return cli_usage("--%s %s: must be at least %g", s->name, text, s->min);
}

static int parse_integer(const struct option_spec *s, const char *text, long long *value)
{
    char *end;

    errno = 0;
    *value = strtoll(text, &end, 10);
    if (end == text || *end)
        return cli_usage("--%s %s: not a whole number", s->name, text);
    if (errno == ERANGE || *value < s->min || *value > s->max)
        return out_of_range(s, text);
    return 0;
}

static int parse_float(const struct option_spec *s, const char *text, float *value)
{
    char *end;
    double x = strtod(text, &end);

    if (end == text || *end || !isfinite(x))
        return cli_usage("--%s %s: not a number", s->name, text);
    if (x < s->min || x > s->max)
        return out_of_range(s, text);
    *value = (float)x;
    return 0;
}

/* Binary multiples. */
static int parse_size(const struct option_spec *s, const char *text, uint64_t *value)
{
    static const char units[] = "KMGT";
    char *end;
    double x = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;

    if (end == text || !isfinite(x) || (*end && (!unit || end[1])))
        return cli_usage("--%s %s: not a size as in 500M or 1.5G", s->name, text);
    for (int i = 0; unit && i <= unit - units; i++)
        x *= 1024;
    if (x < 1 || x > 1e18)
        return cli_usage("--%s %s: must be at least 1 byte", s->name, text);
    *value = (uint64_t)x;
    return 0;
}

static int parse_seed(const struct option_spec *s, const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    if (end == text || *end || errno || strchr(text, '-'))
        return cli_usage("--%s %s: not a whole number from 0 to 2^64-1", s->name, text);
    return 0;
}

static int parse_word(const struct option_spec *s, const char *text, int *value)
{
    char list[256] = "";

    for (int i = 0; s->words[i]; i++) {
        if (strcmp(s->words[i], text) == 0) {
            *value = i;
            return 0;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", s->words[i]);
    }
    return cli_usage("--%s %s: must be one of %s", s->name, text, list);
}

static int parse_shape(const struct option_spec *s, const char *text, int *value)
{
    const char *at = text;

    for (int i = 0; i < 4; i++) {
        char *end;
        long n = strtol(at, &end, 10);

        if (end == at || n < 1 || n > INT_MAX || *end != (i < 3 ? 'x' : '\0'))
            return cli_usage("--%s %s: not a shape as in 1x3x224x224", s->name, text);
        value[i] = (int)n;
        at = end + 1;
    }
    return 0;
}

static int store(const struct option_spec *s, void *base, const char *text)
{
    void *to = (char *)base + s->offset;
    long long n = 0;
    int err = 0;

    switch (s->kind) {
    case OPT_FLAG:
        *(bool *)to = true;
        break;
    case OPT_INT:
        err = parse_integer(s, text, &n);
        *(int *)to = (int)n;
        break;
    case OPT_LONG:
        err = parse_integer(s, text, &n);
        *(int64_t *)to = n;
        break;
    case OPT_SEED:
        err = parse_seed(s, text, to);
        break;
    case OPT_FLOAT:
        err = parse_float(s, text, to);
        break;
    case OPT_SIZE:
        err = parse_size(s, text, to);
        break;
    case OPT_TEXT:
        if (!*text)
            return cli_usage("--%s: its value is empty", s->name);
        *(const char **)to = text;
        break;
    case OPT_WORD:
        err = parse_word(s, text, to);
        break;
    case OPT_LIST:
        if (((struct text_list *)to)->n == LIST_MAX)
            return cli_usage("--%s: more than %d times", s->name, LIST_MAX);
        ((struct text_list *)to)->item[((struct text_list *)to)->n++] = text;
        break;
    case OPT_SHAPE:
        err = parse_shape(s, text, to);
        break;
    }
    return err;
}

/* What getopt did not like, in words. */
static int complain(const struct cli *cli, int result, const struct option_spec *const *specs,
                    char *word)
{
    const char *command = cli->command->name;

    if (optopt >= FIRST)
        return cli_usage("--%s: %s", specs[optopt - FIRST]->name,
                         result == ':' ? "needs a value" : "takes no value");
    word[strcspn(word, "=")] = '\0';
    return cli_usage("%s: no such option; 'ocelli %s --help' lists them", word, command);
}

int options_parse(struct cli *cli, int argc, char **argv, void *args)
{
    struct option list[MAX_OPTIONS + 1];
    const struct option_spec *specs[MAX_OPTIONS];
    int n = build(cli->command, list, specs), n_common = (int)COUNT(common) - 1, c;
    /* getopt's own place for the program's name, and room for the closing NULL. */
    char **words = calloc((size_t)argc + 2, sizeof(*words));

    if (!words)
        return cli_error("%s: out of memory", cli->command->name);
    words[0] = (char *)cli->program;
    for (int i = 0; i < argc; i++)
        words[i + 1] = argv[i];
    cli->operand = words;

    optind = 1;
    opterr = 0;
    while ((c = getopt_long(argc + 1, words, ":h", list, NULL)) != -1) {
        int err;

        if (c == 'h') {
            cli->help = true;
            continue;
        }
        if (c < FIRST || c >= FIRST + n)
            return complain(cli, c, specs, words[optind - 1]);
        int i = c - FIRST;
        if ((err = store(specs[i], i < n_common ? (void *)cli : args, optarg)) != 0)
            return err;
    }
    cli->n_operands = argc + 1 - optind;
    memmove(words, words + optind, (size_t)cli->n_operands * sizeof(*words));
    if (cli->help)
        return 0;
    if (cli->n_operands < cli->command->min_operands)
        return cli_usage("%s: needs %s; see 'ocelli %s --help'", cli->command->name,
                         cli->command->operands, cli->command->name);
    if (cli->n_operands > cli->command->max_operands)
        return cli_usage("%s: one word too many; see 'ocelli %s --help'",
                         words[cli->command->max_operands], cli->command->name);
    return 0;
}

static void list_options(const struct option_spec *s)
{
    for (; s && s->name; s++) {
        char left[64];

        snprintf(left, sizeof(left), "--%s%s%s", s->name, s->arg ? " " : "", s->arg ? s->arg : "");
        out("  %-26s %s\n", left, s->help);
        if (s->kind != OPT_WORD)
            continue;
        out("  %-26s one of", "");
        for (int i = 0; s->words[i]; i++)
            out(" %s", s->words[i]);
        out("\n");
    }
}

void options_help(const struct cli *cli)
{
    const struct command *c = cli->command;

    out("Usage: ocelli %s%s%s [OPTION...]\n%s.\n", c->name, *c->operands ? " " : "", c->operands,
        c->summary);
    if (c->details)
        out("\n%s", c->details);
    if (c->options) {
        out("\nOptions:\n");
        list_options(c->options);
    }
    out("\nOptions of every command:\n");
    list_options(common);
}
