/* What every check_*.c shares: a main that prints TAP and does not fork (an OpenCL driver does not
 * survive a fork), and assertions on the library's return codes. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <check.h>
#undef fail /* a macro of check.h; ours is a function */
#include <stdlib.h>

#include <ocelli/error.h>

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        int code_ = (call);                                                                        \
        ck_assert_msg(code_ == 0, "%s: %s: %s", #call, ocelli_strerror(code_), ocelli_error());    \
    } while (0)

/* The call fails with that code, and says something that contains `words`. */
#define assert_fails(call, code, words)                                                            \
    do {                                                                                           \
        int code_ = (call);                                                                        \
        ck_assert_msg(code_ == (code), "%s: %d, not %d", #call, code_, (code));                    \
        ck_assert_msg(strstr(ocelli_error(), (words)) != NULL, "message \"%s\" lacks \"%s\"",      \
                      ocelli_error(), (words));                                                    \
    } while (0)

/* Runs a suite's cases in this process; the exit status for main(). */
static inline int run_suite(Suite *s)
{
    SRunner *sr = srunner_create(s);
    srunner_set_fork_status(sr, CK_NOFORK);
    srunner_set_tap(sr, "-");
    srunner_run_all(sr, CK_SILENT);
    int failed = srunner_ntests_failed(sr) != 0 || srunner_ntests_run(sr) == 0;
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
