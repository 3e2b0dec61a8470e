/* What the shim must leave alone. */
#include "fake_daemon.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>

static void check_untouched(struct qemu *q, const char *name)
{
    int fd = (int)qemu_must(q, "create %s", name);

    qemu_must(q, "resize %d %d", fd, 4 * PAGE);
    qemu_must(q, "resize %d %d", fd, 8 * PAGE);
    qemu_must(q, "punch %d 0 %d", fd, PAGE);
    qemu_must(q, "seal %d", fd);
    CHECK_EQUAL(F_SEAL_GROW | F_SEAL_SHRINK, qemu_must(q, "seals %d", fd));
    CHECK_EQUAL(EPERM, qemu_do(q, "resize %d %d", fd, 4 * PAGE).error);
    int slot = (int)qemu_must(q, "map %d %d", fd, 8 * PAGE);
    qemu_must(q, "write %d 0 17", slot);
    CHECK_EQUAL(17, qemu_must(q, "read %d 0", slot));
    int private = (int)qemu_must(q, "map-private %d %d %d", fd, PAGE, PAGE);
    CHECK_EQUAL(0, qemu_must(q, "read %d 0", private));
    qemu_must(q, "remap %d %d", slot, fd);
    qemu_must(q, "unmap %d", slot);
    CHECK_EQUAL(1, qemu_must(q, "threads"));
    CHECK_EQUAL(0, qemu_must(q, "sockets"));
    CHECK_EQUAL(0, qemu_log_count(q, "splitmem-shim"));
}

static void check_inert(struct qemu_options options, const char *name)
{
    struct qemu q = qemu_start(options);

    check_untouched(&q, name);
    qemu_send(&q, "exit");
    CHECK_EQUAL(7, qemu_join(&q));
    CHECK_EQUAL(0, qemu_log_count(&q, "splitmem-shim"));
}

static void inert_without_environment(void)
{
    check_inert((struct qemu_options){0}, BACKEND_NAME);
}

static void inert_with_half_an_environment(void)
{
    check_inert((struct qemu_options){.vm = VM}, BACKEND_NAME);
    check_inert((struct qemu_options){.socket = "/nowhere/shim.sock"}, BACKEND_NAME);
    check_inert((struct qemu_options){.vm = "", .socket = "/nowhere/shim.sock"}, BACKEND_NAME);
}

static void other_memfds_untouched(void)
{
    check_inert((struct qemu_options){.vm = VM, .socket = "/nowhere/shim.sock"}, "memory-backend-memf");
    check_inert((struct qemu_options){.vm = VM, .socket = "/nowhere/shim.sock"}, "memory-backend-memfd2");
}

static void fcntl_forwards_every_argument(void)
{
    struct qemu q = qemu_start((struct qemu_options){.vm = VM, .socket = "/nowhere/shim.sock"});

    CHECK_EQUAL(0, qemu_must(&q, "try-fcntl"));
}

static void seals_swallowed_on_ours_only(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 4, 0);
    int other = (int)qemu_must(&q, "create other");
    int copy = (int)qemu_must(&q, "dup %d", r.qemu_fd);

    CHECK_EQUAL(0, qemu_must(&q, "seal %d", r.qemu_fd));
    CHECK_EQUAL(0, qemu_must(&q, "seal %d", copy));
    CHECK_EQUAL(F_SEAL_SEAL, fcntl(r.file, F_GET_SEALS));
    qemu_must(&q, "seal %d", other);
    CHECK_EQUAL(F_SEAL_GROW | F_SEAL_SHRINK, qemu_must(&q, "seals %d", other));
    CHECK_EQUAL(EPERM, qemu_do(&q, "resize %d %d", other, PAGE).error);
    daemon_stop(&d);
}

/* Until a daemon that knows of discards says otherwise. */
static void punch_refused_on_ours_only(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 4, 0);
    int other = (int)qemu_must(&q, "create other");

    write_file(&r, PAGE, 99);
    CHECK_EQUAL(EOPNOTSUPP, qemu_do(&q, "punch %d 0 %d", r.qemu_fd, 4 * PAGE).error);
    CHECK_EQUAL(99, qemu_must(&q, "read %d %d", r.slot, PAGE));
    qemu_must(&q, "allocate %d 0 %d", r.qemu_fd, PAGE);
    qemu_must(&q, "resize %d %d", other, 4 * PAGE);
    qemu_must(&q, "punch %d 0 %d", other, 4 * PAGE);
    CHECK_EQUAL(EBADF, qemu_do(&q, "punch %d 0 %d", 999, PAGE).error);
    daemon_stop(&d);
}

static void helpers_inert(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 4, MISSING | MINOR);
    int service = accept_service(&d, &q, &r, 1);

    CHECK_EQUAL(0, qemu_must(&q, "fork-and-exec"));
    CHECK_EQUAL(0, zap_range(service, 0, 0, PAGE));
    daemon_stop(&d);
}

const struct test_case passthrough_cases[] = {
    {"without its environment the shim is inert", inert_without_environment, false},
    {"with one of the two variables the shim is inert", inert_with_half_an_environment, false},
    {"memfds of other names are untouched", other_memfds_untouched, false},
    {"fcntl forwards numbers, structures, locks and errors", fcntl_forwards_every_argument, false},
    {"F_ADD_SEALS is swallowed on RAM only", seals_swallowed_on_ours_only, true},
    {"punching holes is refused on RAM only", punch_refused_on_ours_only, true},
    {"a helper program that inherits the environment is not disturbed and disturbs nothing", helpers_inert, true},
    {0},
};
