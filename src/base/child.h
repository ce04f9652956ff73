/* Processes of another program of ours, or of the same, that serve lines: one for each request, one
 * for each reply. */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0: none */
    int fd;    /* both ways */
};

/* Starts PROGRAM COMMAND, found in $PATH. What it says on standard error is thrown away. Fails: IO.
 */
int child_start(struct child *c, const char *program, const char *command);
/* All of it, or false: nobody reads it. */
bool child_send(struct child *c, const char *bytes, size_t n);
/* Kills it. Its wait status: killing what has died already changes nothing. 0 when there is none.
 */
int child_stop(struct child *c);

/* In the process itself, first: where replies go; what drivers and kernels print must not be taken
 * for them. It dies with whoever started it, and leaves no core file. Fails: IO. */
int child_serve(FILE **replies);

#endif
