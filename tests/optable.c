/* Prints the operations, a line each, with tabs between: name, variants, "yes" if it has a gradient, the operators
 * of ONNX that it does; behind an empty line the operators of ONNX that are read. */
#include <stdio.h>

#include "graph/onnx_import.h"

static const struct onnx_op *const families[] = {
    onnx_ops_conv, onnx_ops_element, onnx_ops_shape, onnx_ops_const, onnx_ops_resize,
    onnx_ops_norm, onnx_ops_loss,    onnx_ops_train, onnx_ops_fold,
};

int main(void)
{
    for (const struct op *const *op = ops; *op; op++) {
        printf("%s\t", (*op)->name);
        for (const struct variant *v = (*op)->variants; v && v->name; v++)
            printf("%s%s", v == (*op)->variants ? "" : ", ", v->name);
        printf("\t%s\t%s\n", (*op)->grad ? "yes" : "", (*op)->onnx ? (*op)->onnx : "");
    }
    printf("\n");
    for (size_t f = 0; f < COUNT(families); f++)
        for (const struct onnx_op *op = families[f]; op->name; op++)
            printf("%s\n", op->name);
    return ferror(stdout) || fflush(stdout) != 0;
}
