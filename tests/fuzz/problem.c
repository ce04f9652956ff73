/* Problem strings: what parses prints as a string that is the same problem, and every variant that
 * says that it applies plans it or says why not. */
#include "ops/problem.h"

#include <string.h>

#include "device/discover.h"
#include "fuzz.h"

static void plan_all(const struct problem *p)
{
    struct ocelli_device_info info;
    struct caps caps;

    caps_null(&info, &caps);
    for (int style = 0; style < 2; style++) {
        caps.cpu_style = style;
        for (const struct variant *v = p->op->variants; v && v->name; v++) {
            const struct variant *chosen;
            int tv[MAX_TUNABLES];
            struct launches l;
            if (problem_select(p, &caps, v->name, &chosen, tv) == 0 &&
                problem_plan(p, &caps, chosen, tv, &l) == 0)
                launches_free(&l);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[512], attr[PROBLEM_ATTR_BYTES], again[PROBLEM_ATTR_BYTES];
    struct problem p, q;
    struct text a = {0}, b = {0};

    if (size >= sizeof(line))
        return 0;
    if (size)
        memcpy(line, data, size);
    line[size] = 0;
    fuzz_begin(size);
    if (problem_parse(line, &p, attr) == 0) {
        problem_print(&p, &a);
        FUZZ_CHECK(!a.failed);
        FUZZ_CHECK(problem_parse(a.s, &q, again) == 0);
        problem_print(&q, &b);
        FUZZ_CHECK(!b.failed && strcmp(a.s, b.s) == 0);
        (void)problem_cost(&p);
        plan_all(&p);
    }
    fuzz_end();
    text_free(&a);
    text_free(&b);
    return 0;
}
