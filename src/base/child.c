#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

extern char **environ;

int child_start(struct child *c, const char *program, const char *command)
{
    char *const argv[] = {(char *)program, (char *)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int end[2], code;
    *c = (struct child){.fd = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0)
        return fail(OCELLI_ERR_IO, "%s: %s", command, strerror(errno));
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, end[1], 0);
    posix_spawn_file_actions_adddup2(&files, end[1], 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attr);
    /* A group of its own: Ctrl-C is ours to answer. */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
    code = posix_spawnp(&c->pid, program, &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    close(end[1]);
    c->fd = end[0];
    if (code == 0)
        return 0;
    close(c->fd);
    *c = (struct child){.fd = -1};
    return fail(OCELLI_ERR_IO, "%s: %s: %s", command, program, strerror(code));
}

bool child_send(struct child *c, const char *bytes, size_t n)
{
    bool ok = true;
    for (size_t at = 0; ok && at < n;) {
        ssize_t w = send(c->fd, bytes + at, n - at, MSG_NOSIGNAL);
        ok = w > 0 || (w < 0 && errno == EINTR);
        at += w > 0 ? (size_t)w : 0;
    }
    return ok;
}

int child_stop(struct child *c)
{
    int status = 0;
    if (!c->pid)
        return 0;
    kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(c->fd);
    *c = (struct child){.fd = -1};
    return status;
}

int child_serve(FILE **replies)
{
    const struct rlimit none = {0, 0};
    int fd = dup(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &none);
    if (fd < 0 || dup2(2, 1) < 0 || !(*replies = fdopen(fd, "w")))
        return fail(OCELLI_ERR_IO, "worker: no output");
    return 0;
}
