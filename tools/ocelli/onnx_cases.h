/* The parts of `ocelli onnx-test`: cases found, one case computed. */
#ifndef ONNX_CASES_H
#define ONNX_CASES_H

#include "cli.h"

struct onnx_case {
    char *dir;        /* has model.onnx and test_data_set_N */
    const char *name; /* its last component */
};
struct onnx_cases {
    struct onnx_case *item;
    int n, cap;
};
/* Adds the cases below a folder, sorted by path. An exit status. */
int onnx_cases_find(struct onnx_cases *c, const char *dir);
/* Keeps those named in column 2 of a table with tabs, whose first line is its head; a name without a
 * case fails. */
int onnx_cases_keep(struct onnx_cases *c, const char *file);
void onnx_cases_free(struct onnx_cases *c);

enum case_status { CASE_PASSED, CASE_FAILED, CASE_UNSUPPORTED };
struct case_result {
    enum case_status status;
    double max_abs, max_rel;
    bool differs;     /* FAILED: only by its numbers */
    char reason[400]; /* "" where it passed */
};
struct case_params {
    double rtol, atol;
    bool no_fusion;
    const char *variant;
};
/* Runs every data set of the case. Never fails otherwise than by its result. */
void onnx_case_run(struct ocelli_device *dev, const struct onnx_case *c, const struct case_params *p,
                   struct case_result *out);

#endif
