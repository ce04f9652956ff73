#include <float.h>
#include <math.h>

#include "ops/op.h"

const struct epilogue no_epilogue = {.bias = -1, .residual = -1, .grad_y = -1};

/* The largest float stands for infinity, which an attribute cannot be. */
static void define_number(struct launch *k, const char *prefix, const char *name, float v)
{
    if (fabsf(v) >= FLT_MAX)
        launch_define(k, "%s_%s=%cINFINITY", prefix, name, v < 0 ? '-' : '+');
    else
        launch_define(k, "%s_%s=%.8ef", prefix, name, v);
}

/* PREFIX=act_tanh, PREFIX_ALPHA, PREFIX_BETA. Whole function names: PoCL makes words such as tanh macros,
 * so that a kernel could not paste one together. */
static void define_function(struct launch *k, const char *prefix, const char *what,
                            const struct act *act)
{
    const struct act_info *info = act_info(act->kind);
    launch_define(k, "%s=%s_%s", prefix, what, info ? info->word : "none");
    if (!info || info->params == 0) {
        launch_define(k, "%s_ALPHA=1.0f", prefix);
        launch_define(k, "%s_BETA=1.0f", prefix);
        return;
    }
    define_number(k, prefix, "ALPHA", act->alpha);
    define_number(k, prefix, "BETA", act->beta);
}

void launch_act(struct launch *k, const char *prefix, const struct act *act)
{
    define_function(k, prefix, "act", act);
}

void launch_grad(struct launch *k, const char *prefix, const struct act *act)
{
    define_function(k, prefix, "grad", act);
}

void launch_epilogue(struct launch *k, const struct problem *p)
{
    const struct epilogue *e = &p->epi;
    launch_act(k, "ACT", &e->act);
    if (e->bias >= 0) {
        launch_define(k, "EPI_BIAS");
        launch_in(k, "bias", e->bias);
    }
    if (e->residual >= 0) {
        launch_define(k, "EPI_RESIDUAL");
        launch_in(k, "residual", e->residual);
    }
    if (e->grad_y >= 0) {
        launch_grad(k, "EPI_GRAD", &e->grad);
        launch_in(k, "grad_y", e->grad_y);
    }
}
