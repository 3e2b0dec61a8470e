/*
 * A process that does to its RAM what QEMU does, one command at a time: this test program run again with the shim in
 * LD_PRELOAD. A command is a line on its stdin; its answer is one line of numbers on its stdout.
 */
#ifndef SPLITMEM_FAKE_QEMU_H
#define SPLITMEM_FAKE_QEMU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FAKE_QEMU_ARGUMENT "--fake-qemu"
#define BACKEND_NAME "memory-backend-memfd"
#define VM "6d1f0000-0000-4000-8000-000000000001"

/* An answer of the fake QEMU: the call's result, and errno if it failed. */
struct answer {
    long long result;
    int error;
};

struct qemu {
    pid_t pid;
    int commands;
    int answers;
    int log; /* its stderr */
};

enum { QEMU_MAX_ARGUMENTS = 8 };

/* Variables of the environment besides LD_PRELOAD; 0 or NULL leaves one out. */
struct qemu_options {
    const char *vm;
    const char *socket;
    int timeout_ms;
    int exit_hold_ms;
    int discard_timeout_ms;
    bool unprivileged; /* run as nobody */
    const char *arguments[QEMU_MAX_ARGUMENTS + 1]; /* of its command line; ends with NULL */
};

struct qemu qemu_start(struct qemu_options options);

void qemu_send(struct qemu *q, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct answer qemu_answer(struct qemu *q);
bool qemu_has_answer(struct qemu *q);

/* qemu_send() and qemu_answer(). */
struct answer qemu_do(struct qemu *q, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same; fails the case if the call failed. */
long long qemu_must(struct qemu *q, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How often its stderr contains the text. */
int qemu_log_count(struct qemu *q, const char *text);

/* Whether its main thread sleeps in a futex: in a thread that is to exit, in the shim's wait for the release. */
bool qemu_waits_in_futex(struct qemu *q);

bool qemu_is_running(struct qemu *q);

/* Waits for its end. Returns the exit code. */
int qemu_join(struct qemu *q);

/* Writes the stderr of every fake QEMU of this case, as comments, to stdout. */
void qemu_print_logs(void);

/* The body of the fake QEMU. */
int fake_qemu_main(void);

#endif
