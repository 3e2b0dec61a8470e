#include "fake_qemu.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_QEMUS = 16, NOBODY = 65534 };

/* For the report of a failed case; the case's only thread uses them. */
static struct qemu started[MAX_QEMUS];
static int started_count;

static void set_number(const char *name, int value)
{
    char text[16];

    snprintf(text, sizeof text, "%d", value);
    if (value > 0)
        setenv(name, text, 1);
    else
        unsetenv(name);
}

static void set_text(const char *name, const char *value)
{
    if (value != NULL)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

__attribute__((noreturn)) static void become_qemu(const struct qemu_options *o, int in, int out, int log)
{
    char program[PATH_MAX] = "";
    const char *arguments[QEMU_MAX_ARGUMENTS + 3] = {program, FAKE_QEMU_ARGUMENT};

    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    if (o->unprivileged && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* changing the user resets it */
    set_text("SPLITMEM_VM", o->vm);
    set_text("SPLITMEM_SOCKET", o->socket);
    set_number("SPLITMEM_TIMEOUT_MS", o->timeout_ms);
    set_number("SPLITMEM_EXIT_HOLD_MS", o->exit_hold_ms);
    set_number("SPLITMEM_DISCARD_TIMEOUT_MS", o->discard_timeout_ms);
    setenv("LD_PRELOAD", shim_library, 1);
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) /* what this program has inherited is not the shim's leak */
        _exit(126);
    memcpy(&arguments[2], o->arguments, sizeof o->arguments);
    if (readlink("/proc/self/exe", program, sizeof program - 1) > 0)
        execv(program, (char *const *)arguments);
    _exit(127);
}

struct qemu qemu_start(struct qemu_options options)
{
    struct qemu q;
    int in[2], out[2];

    CHECK(started_count < MAX_QEMUS);
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    q = (struct qemu){.commands = in[1], .answers = out[0], .log = memfd_create("log", MFD_CLOEXEC)};
    CHECK(q.log >= 0);
    q.pid = fork();
    CHECK(q.pid >= 0);
    if (q.pid == 0)
        become_qemu(&options, in[0], out[1], q.log);
    close(in[0]);
    close(out[1]);
    started[started_count++] = q;
    return q;
}

static void send_line(struct qemu *q, const char *format, va_list arguments)
{
    char line[512];
    int length = vsnprintf(line, sizeof line - 1, format, arguments);

    CHECK(length > 0 && length < (int)sizeof line - 1);
    line[length++] = '\n';
    CHECK_EQUAL(length, write(q->commands, line, (size_t)length));
}

void qemu_send(struct qemu *q, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    send_line(q, format, arguments);
    va_end(arguments);
}

struct answer qemu_answer(struct qemu *q)
{
    struct pollfd p = {.fd = q->answers, .events = POLLIN};
    struct answer a;
    char line[64];
    size_t length = 0;

    do {
        CHECK(length < sizeof line - 1);
        CHECK_EQUAL(1, poll(&p, 1, LIMIT_MS));
        CHECK_EQUAL(1, read(q->answers, &line[length], 1)); /* 0: the fake QEMU is dead */
    } while (line[length++] != '\n');
    line[length] = '\0';
    CHECK_EQUAL(2, sscanf(line, "%lld %d", &a.result, &a.error));
    return a;
}

bool qemu_has_answer(struct qemu *q)
{
    struct pollfd p = {.fd = q->answers, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

struct answer qemu_do(struct qemu *q, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    send_line(q, format, arguments);
    va_end(arguments);
    return qemu_answer(q);
}

long long qemu_must(struct qemu *q, const char *format, ...)
{
    struct answer a;
    va_list arguments;

    va_start(arguments, format);
    send_line(q, format, arguments);
    va_end(arguments);
    a = qemu_answer(q);
    if (a.result < 0)
        fail(__FILE__, __LINE__, "the fake QEMU could not \"%s\": %s", format, strerror(a.error));
    return a.result;
}

static void read_log(struct qemu *q, char *log, size_t size)
{
    ssize_t n = pread(q->log, log, size - 1, 0);

    log[n > 0 ? n : 0] = '\0';
}

int qemu_log_count(struct qemu *q, const char *text)
{
    char log[8192];
    int count = 0;

    read_log(q, log, sizeof log);
    for (char *p = log; (p = strstr(p, text)) != NULL; p++)
        count++;
    return count;
}

bool qemu_waits_in_futex(struct qemu *q)
{
    char path[64], call[16] = "";
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/syscall", q->pid);
    f = fopen(path, "re");
    if (f == NULL || fgets(call, sizeof call, f) == NULL)
        call[0] = '\0';
    if (f != NULL)
        fclose(f);
#if defined(__x86_64__)
    return strncmp(call, "202 ", 4) == 0;
#else
    return strncmp(call, "98 ", 3) == 0;
#endif
}

bool qemu_is_running(struct qemu *q)
{
    siginfo_t ended = {0};

    CHECK(waitid(P_PID, (id_t)q->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0);
    return ended.si_pid == 0;
}

int qemu_join(struct qemu *q)
{
    int status;

    AWAIT(!qemu_is_running(q));
    CHECK_EQUAL(q->pid, waitpid(q->pid, &status, 0));
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void qemu_print_logs(void)
{
    char log[8192], *rest = log;

    for (int i = 0; i < started_count; i++) {
        read_log(&started[i], log, sizeof log);
        for (char *line = strtok_r(log, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
            printf("#   stderr of fake QEMU %d: %s\n", i, line);
    }
}
