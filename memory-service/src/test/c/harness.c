#include "harness.h"
#include "fake_qemu.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_SKIPPED = 77 };

const char *shim_library;

static struct {
    int number, passed, failed, skipped;
} totals;

void fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    printf("# %s:%d: ", file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    qemu_print_logs();
    fflush(stdout);
    _exit(1);
}

void skip(const char *reason)
{
    printf("# SKIP: %s\n", reason);
    fflush(stdout);
    _exit(EXIT_SKIPPED);
}

long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void yield_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
}

/* NULL if this process, and so the fake QEMU, gets a userfaultfd with what the shim wants. */
static const char *userfaultfd_obstacle(void)
{
    struct uffdio_api api = {.api = UFFD_API, .features = 1 << 15 /* WP_ASYNC, Linux 6.7 */};
    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), device;
    const char *obstacle = NULL;

    if (uffd < 0) {
        device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
        if (device < 0)
            return "userfaultfd is not permitted here: run as root";
        uffd = ioctl(device, _IO(0xAA, 0) /* USERFAULTFD_IOC_NEW */, O_CLOEXEC | O_NONBLOCK);
        close(device);
    }
    if (uffd < 0)
        return "this kernel has no userfaultfd";
    if (ioctl(uffd, UFFDIO_API, &api) != 0)
        obstacle = "this kernel has no asynchronous write protection (Linux 6.7)";
    close(uffd);
    return obstacle;
}

static void run_case(const struct test_case *t)
{
    const char *obstacle = t->needs_userfaultfd ? userfaultfd_obstacle() : NULL;
    int status;
    pid_t pid;

    totals.number++;
    fflush(stdout);
    pid = obstacle != NULL ? -1 : fork();
    if (pid == 0) {
        alarm(CASE_LIMIT_S);
        t->run();
        fflush(stdout);
        _exit(0);
    }
    if (obstacle == NULL && (pid < 0 || waitpid(pid, &status, 0) != pid)) {
        perror("cannot run a test");
        exit(2);
    }
    if (obstacle != NULL || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED)) {
        totals.skipped++;
        printf("ok %d - %s # SKIP %s\n", totals.number, t->claim, obstacle != NULL ? obstacle : "see above");
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        totals.passed++;
        printf("ok %d - %s\n", totals.number, t->claim);
    } else {
        totals.failed++;
        printf("not ok %d - %s%s\n", totals.number, t->claim, WIFSIGNALED(status) ? ": ended by a signal" : "");
    }
}

/* shim-test LIBRARY [WORDS]: runs the cases whose claim contains WORDS, by default all. */
int main(int argc, char **argv)
{
    const struct test_case *const suites[] = {
        passthrough_cases, attach_cases, named_file_cases, refusal_cases, service_cases, discard_cases, exit_cases};

    if (argc >= 2 && strcmp(argv[1], FAKE_QEMU_ARGUMENT) == 0)
        return fake_qemu_main();
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s LIBRARY [WORDS]\n", argv[0]);
        return 2;
    }
    shim_library = argv[1];
    signal(SIGPIPE, SIG_IGN);
    for (size_t s = 0; s < sizeof suites / sizeof suites[0]; s++)
        for (const struct test_case *t = suites[s]; t->claim != NULL; t++)
            if (argc == 2 || strstr(t->claim, argv[2]) != NULL)
                run_case(t);
    printf("%d passed, %d failed", totals.passed, totals.failed);
    printf(totals.skipped > 0 ? ", %d skipped\n" : "\n", totals.skipped);
    return totals.failed > 0;
}
