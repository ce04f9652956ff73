#include "ops/act.h"

#include <stddef.h>
#include <string.h>

const char *const act_words[] = {"relu", "sigmoid", "tanh", NULL};

/* By kind, from 1 on. */
static const struct act_info infos[] = {
    [OCELLI_RELU] = {"relu", true, 0},
    [OCELLI_SIGMOID] = {"sigmoid", true, 0},
    [OCELLI_TANH] = {"tanh", true, 2},
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
