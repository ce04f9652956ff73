#include "ops/act.h"

#include <stddef.h>
#include <string.h>

const char *const act_names[] = {
    "none",
    "relu",     "sigmoid",  "tanh",       "clip",        "leaky_relu", "elu",  "selu",
    "celu",     "hard_sigmoid", "hard_swish", "softplus", "softsign",   "thresholded_relu",
    "gelu",     "mish",     "sqrt",       "exp",         "log",        "neg",  "abs",
    "erf",      "reciprocal", "floor",    "ceil",        "sign",       NULL,
};

/* By kind, from 1 on. From the result where it determines the derivative, without cancellation: elu's is
 * exp(x), which y + alpha says nothing of when y is near -alpha; leaky_relu's y has the sign of x only for
 * alpha > 0. A kind without a gradient is flat everywhere. */
static const struct act_info infos[] = {
    [OCELLI_RELU] = {"relu", true, 0, true, true},
    [OCELLI_SIGMOID] = {"sigmoid", true, 0, true, false},
    [OCELLI_TANH] = {"tanh", true, 2, true, false},
    [OCELLI_CLIP] = {"clip", true, 2, true, true},
    [OCELLI_LEAKY_RELU] = {"leaky_relu", false, 1, true, true},
    [OCELLI_ELU] = {"elu", false, 1, true, false},
    [OCELLI_SELU] = {"selu", false, 2, true, false},
    [OCELLI_CELU] = {"celu", false, 1, true, false},
    [OCELLI_HARD_SIGMOID] = {"hard_sigmoid", true, 2, true, false},
    [OCELLI_HARD_SWISH] = {"hard_swish", false, 0, true, false},
    [OCELLI_SOFTPLUS] = {"softplus", false, 0, true, false},
    [OCELLI_SOFTSIGN] = {"softsign", false, 0, true, false},
    [OCELLI_THRESHOLDED_RELU] = {"thresholded_relu", false, 1, true, false},
    [OCELLI_GELU] = {"gelu", false, 0, true, false},
    [OCELLI_MISH] = {"mish", false, 0, true, false},
    [OCELLI_SQRT] = {"sqrt", true, 0, true, false},
    [OCELLI_EXP] = {"exp", true, 0, true, false},
    [OCELLI_LOG] = {"log", false, 0, true, false},
    [OCELLI_NEG] = {"neg", true, 0, true, true},
    [OCELLI_ABS] = {"abs", false, 0, true, true},
    [OCELLI_ERF] = {"erf", false, 0, true, false},
    [OCELLI_RECIPROCAL] = {"reciprocal", true, 0, true, false},
    [OCELLI_FLOOR] = {"floor", false, 0, false, true},
    [OCELLI_CEIL] = {"ceil", false, 0, false, true},
    [OCELLI_SIGN] = {"sign", false, 0, false, true},
};

const struct act_info *act_info(int kind)
{
    if (kind < 1 || kind >= (int)(sizeof(infos) / sizeof(infos[0])))
        return NULL;
    return &infos[kind];
}

int act_kind(const char *word)
{
    for (int i = 0; act_words[i]; i++)
        if (strcmp(act_words[i], word) == 0)
            return i + 1;
    return 0;
}
