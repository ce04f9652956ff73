/* CLBlast's matrix product, where it is built in. */
#include "device/cl.h"

#ifdef HAVE_CLBLAST
#include <clblast_c.h>

int clblast_gemm(struct ocelli_device *dev, cl_command_queue q, const struct gemm_call *c,
                 cl_event *done)
{
    const size_t m = (size_t)c->m, n = (size_t)c->n, k = (size_t)c->k;
    if (done)
        *done = NULL;
    int code = fault_next("CLBlastSgemm");
    dev->clblast_used = true;
    if (code == CL_SUCCESS)
        code = CLBlastSgemm(CLBlastLayoutRowMajor,
                            c->trans_a ? CLBlastTransposeYes : CLBlastTransposeNo,
                            c->trans_b ? CLBlastTransposeYes : CLBlastTransposeNo, m, n, k, 1.0f,
                            c->a, c->a_offset, c->trans_a ? m : k, c->b, c->b_offset,
                            c->trans_b ? k : n, 0.0f, c->c, c->c_offset, n, &q, done);
    if (code != CL_SUCCESS) /* OpenCL's codes, and below -1000 its own */
        return cl_fail(code, "CLBlastSgemm");
    if (done && *done)
        cl_count(1);
    return 0;
}

/* It keeps programs, and with them the context, for the whole process. Another device that is using
 * it compiles anew. */
void clblast_forget(struct ocelli_device *dev)
{
    if (dev->clblast_used)
        CLBlastClearCache();
    dev->clblast_used = false;
}

#else

int clblast_gemm(struct ocelli_device *dev, cl_command_queue q, const struct gemm_call *c,
                 cl_event *done)
{
    (void)dev;
    (void)q;
    (void)c;
    (void)done;
    return fail(OCELLI_ERR_UNSUPPORTED, "CLBlastSgemm: built without CLBlast");
}

void clblast_forget(struct ocelli_device *dev)
{
    (void)dev;
}

#endif
