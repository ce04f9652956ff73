#include "tune/expr.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define LIMIT 400 /* of what waits to be finished; a parenthesis takes seven */

struct parser {
    const char *s, *text;
    expr_lookup lookup;
    void *user;
    int depth;
    const char *why; /* the first failure; then everything is 0 */
};

static int64_t broken(struct parser *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return 0;
}

/* Takes the operator if it is the next thing. Words end where letters do. */
static bool take(struct parser *p, const char *op)
{
    size_t n = strlen(op);
    p->s += strspn(p->s, " \t\r\n");
    if (strncmp(p->s, op, n) != 0)
        return false;
    if (isalpha((unsigned char)op[0]) && (isalnum((unsigned char)p->s[n]) || p->s[n] == '_'))
        return false;
    p->s += n;
    return true;
}

/* ---- Arithmetic ---- */

static int64_t floor_div(struct parser *p, int64_t a, int64_t b)
{
    if (b == 0 || (a == INT64_MIN && b == -1))
        return broken(p, "division by zero, or beyond range");
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t apply(struct parser *p, const char *op, int64_t a, int64_t b)
{
    int64_t r = 0;
    bool over = false;
    switch (op[0]) {
    case '+':
        over = __builtin_add_overflow(a, b, &r);
        break;
    case '-':
        over = __builtin_sub_overflow(a, b, &r);
        break;
    case '*':
        over = __builtin_mul_overflow(a, b, &r);
        break;
    case '/':
        return floor_div(p, a, b);
    case '%':
        return b == 0 ? broken(p, "remainder by zero") : a - floor_div(p, a, b) * b;
    case '=':
        return a == b;
    case '!':
        return a != b;
    case '<':
        return op[1] ? a <= b : a < b;
    case '>':
        return op[1] ? a >= b : a > b;
    case '&':
    case 'a':
        return a && b;
    default:
        return a || b;
    }
    return over ? broken(p, "a number beyond 63 bits") : r;
}

static int64_t expression(struct parser *p, int level);

static const char *const functions[] = {"ceil_div", "round_up", "min", "max", NULL};

static int64_t call(struct parser *p, int f)
{
    int64_t a = expression(p, 0), b;
    if (!take(p, ","))
        return broken(p, "a function takes two numbers");
    b = expression(p, 0);
    if (!take(p, ")"))
        return broken(p, "a missing )");
    if (f >= 2)
        return f == 2 ? MIN(a, b) : MAX(a, b);
    int64_t d = floor_div(p, apply(p, "+", a, apply(p, "-", b, 1)), b);
    return f == 0 ? d : apply(p, "*", d, b);
}

static int64_t name(struct parser *p)
{
    char word[64];
    size_t n = 0;
    int64_t v;
    while (isalnum((unsigned char)p->s[n]) || p->s[n] == '_')
        n++;
    if (n == 0 || n >= sizeof(word))
        return broken(p, "not a number, a name or (");
    memcpy(word, p->s, n);
    word[n] = '\0';
    p->s += n;
    for (int f = 0; functions[f]; f++)
        if (strcmp(functions[f], word) == 0 && take(p, "("))
            return call(p, f);
    return p->lookup(p->user, word, &v) ? v
                                        : broken(p, "a name that is neither size nor parameter");
}

static int64_t atom(struct parser *p)
{
    int64_t v;
    if (take(p, "(")) {
        v = expression(p, 0);
        return take(p, ")") ? v : broken(p, "a missing )");
    }
    if (++p->depth > LIMIT)
        return broken(p, "too many signs");
    if (take(p, "-")) {
        v = apply(p, "-", 0, atom(p));
        p->depth--;
        return v;
    }
    if (take(p, "not") || (strncmp(p->s, "!=", 2) != 0 && take(p, "!"))) {
        v = !atom(p);
        p->depth--;
        return v;
    }
    p->depth--;
    if (isdigit((unsigned char)*p->s)) {
        char *end;
        errno = 0;
        v = strtoll(p->s, &end, 10);
        p->s = end;
        return errno ? broken(p, "a number beyond 63 bits") : v;
    }
    return name(p);
}

/* From what binds least; within a level the longer ones first. */
static const char *const operators[][5] = {
    {"||", "or"},           {"&&", "and"}, {"==", "!="},
    {"<=", ">=", "<", ">"}, {"+", "-"},    {"//", "*", "/", "%"},
};

static int64_t expression(struct parser *p, int level)
{
    if (level == (int)COUNT(operators))
        return atom(p);
    if (++p->depth > LIMIT)
        return broken(p, "too many parentheses");
    int64_t v = expression(p, level + 1);
    for (int i = 0; i < 5 && operators[level][i] && !p->why;) {
        if (take(p, operators[level][i])) {
            v = apply(p, operators[level][i], v, expression(p, level + 1));
            i = 0;
        } else {
            i++;
        }
    }
    p->depth--;
    return v;
}

int expr_eval(const char *text, expr_lookup lookup, void *user, int64_t *out)
{
    struct parser p = {.s = text, .text = text, .lookup = lookup, .user = user};
    *out = expression(&p, 0);
    p.s += strspn(p.s, " \t\r\n");
    if (!p.why && *p.s)
        broken(&p, "something behind its end");
    if (!p.why)
        return 0;
    return fail(OCELLI_ERR_INVALID, "\"%s\": %s (at \"%s\")", text, p.why, p.s);
}
