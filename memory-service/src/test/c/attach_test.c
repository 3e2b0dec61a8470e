/* RAM becomes the daemon's. */
#include "fake_daemon.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void attached_memory_faults_to_the_daemon(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 16, MISSING | WP | MINOR);
    int service = accept_service(&d, &q, &r, 1);
    uint64_t offset;

    qemu_send(&q, "read %d %d", r.slot, 3 * PAGE + 5);
    CHECK_EQUAL(0, next_fault(&r, &offset));
    CHECK_EQUAL(3 * PAGE, offset);
    copy_page(&r, offset, 42);
    CHECK_EQUAL(42, qemu_answer(&q).result);

    CHECK_EQUAL(0, zap_range(service, 0, 0, r.length));
    qemu_send(&q, "write %d %d 43", r.slot, 3 * PAGE);
    CHECK(next_fault(&r, &offset) & UFFD_PAGEFAULT_FLAG_MINOR);
    CHECK_EQUAL(3 * PAGE, offset);
    continue_page(&r, offset);
    qemu_answer(&q);
    CHECK_EQUAL(42, qemu_must(&q, "read %d %d", r.slot, 3 * PAGE + 1));

    unsigned char first;
    CHECK_EQUAL(1, pread(r.file, &first, 1, 3 * PAGE));
    CHECK_EQUAL(43, first);
    daemon_stop(&d);
}

static void features_of_the_kernel_are_announced(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 4, 0);
    /* MISSING_SHMEM, MINOR_SHMEM, PAGEFAULT_FLAG_WP, WP_HUGETLBFS_SHMEM, WP_UNPOPULATED, WP_ASYNC */
    uint64_t wanted = 1 << 5 | 1 << 10 | 1 << 0 | 1 << 12 | 1 << 13 | 1 << 15;

    CHECK_EQUAL(wanted, r.features & wanted);
    daemon_stop(&d);
}

static void incoming_memory_is_seen(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    int connection;
    struct ram r = open_backend(&d, &q, 8 * PAGE, &connection);
    uint64_t offset;

    CHECK_EQUAL(0, ftruncate(r.file, 8 * PAGE));
    write_file(&r, 2 * PAGE, 77);
    map_backend(&q, &r, connection, 8, MISSING | MINOR);
    CHECK_EQUAL(8 * PAGE, qemu_must(&q, "size %d", r.qemu_fd));
    qemu_send(&q, "read %d %d", r.slot, 2 * PAGE);
    CHECK_EQUAL(UFFD_PAGEFAULT_FLAG_MINOR, next_fault(&r, &offset));
    continue_page(&r, offset);
    CHECK_EQUAL(77, qemu_answer(&q).result);
    daemon_stop(&d);
}

static void two_backends(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r[2];
    uint64_t offset;
    int service;

    r[0] = attach(&d, &q, 8, MISSING | MINOR);
    service = accept_service(&d, &q, r, 1);
    r[1] = attach(&d, &q, 4, MISSING | MINOR);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(i, r[i].index);
        qemu_send(&q, "read %d %d", r[i].slot, PAGE);
        CHECK_EQUAL(0, next_fault(&r[i], &offset));
        CHECK(!has_fault(&r[1 - i]));
        copy_page(&r[i], offset, 50 + i);
        CHECK_EQUAL(50 + i, qemu_answer(&q).result);
    }
    CHECK_EQUAL(0, zap_range(service, 1, 0, r[1].length));
    CHECK_EQUAL(50, qemu_must(&q, "read %d %d", r[0].slot, PAGE));
    qemu_send(&q, "read %d %d", r[1].slot, PAGE);
    CHECK_EQUAL(UFFD_PAGEFAULT_FLAG_MINOR, next_fault(&r[1], &offset));
    continue_page(&r[1], offset);
    CHECK_EQUAL(51, qemu_answer(&q).result);
    daemon_stop(&d);
}

static void backends_opened_before_the_first_is_mapped(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    int connection[2];
    struct ram r[2];

    r[0] = open_backend(&d, &q, 0, &connection[0]);
    r[1] = open_backend(&d, &q, 0, &connection[1]);
    map_backend(&q, &r[1], connection[1], 4, MISSING);
    int service = accept_service(&d, &q, &r[1], 1);
    CHECK_EQUAL(EINVAL, zap_range(service, 0, 0, PAGE));
    map_backend(&q, &r[0], connection[0], 4, MISSING);
    CHECK_EQUAL(0, zap_range(service, 0, 0, PAGE));
    CHECK_EQUAL(1, r[1].index);
    daemon_stop(&d);
}

static void without_modes_the_kernel_fills(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 4, 0);

    CHECK_EQUAL(0, qemu_must(&q, "read %d 0", r.slot));
    CHECK(!has_fault(&r));
    daemon_stop(&d);
}

static void size_is_guarded(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    int connection;
    struct ram r = open_backend(&d, &q, 8 * PAGE, &connection);

    CHECK_EQUAL(0, ftruncate(r.file, 8 * PAGE));
    CHECK_EQUAL(EINVAL, qemu_do(&q, "resize %d %d", r.qemu_fd, 4 * PAGE).error);
    CHECK_EQUAL(8 * PAGE, lseek(r.file, 0, SEEK_END));
    CHECK_EQUAL(1, qemu_log_count(&q, "QEMU wants 16384 bytes, but the prepared memory has 32768\n"));
    map_backend(&q, &r, connection, 8, 0);
    qemu_must(&q, "resize %d %d", r.qemu_fd, 8 * PAGE);
    CHECK_EQUAL(EPERM, qemu_do(&q, "resize %d %d", r.qemu_fd, 16 * PAGE).error);
    CHECK_EQUAL(EPERM, qemu_do(&q, "resize %d 0", r.qemu_fd).error);
    CHECK_EQUAL(8 * PAGE, lseek(r.file, 0, SEEK_END));
    daemon_stop(&d);
}

static void other_mappings_pass(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 4, MISSING | MINOR);

    write_file(&r, PAGE, 5);
    int second = (int)qemu_must(&q, "map %d %d %d", r.qemu_fd, 2 * PAGE, PAGE);
    CHECK_EQUAL(5, qemu_must(&q, "read %d 0", second));
    int private = (int)qemu_must(&q, "map-private %d %d", r.qemu_fd, 4 * PAGE);
    CHECK_EQUAL(5, qemu_must(&q, "read %d %d", private, PAGE));
    CHECK(!has_fault(&r));
    daemon_stop(&d);
}

static void mapping_over_ram_is_refused(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 4, MISSING);

    CHECK_EQUAL(EOPNOTSUPP, qemu_do(&q, "remap %d %d", r.slot, r.qemu_fd).error);
    CHECK_EQUAL(1, qemu_log_count(&q, "refused to map over guest RAM"));
    daemon_stop(&d);
}

static void descriptors_and_signals(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 4, MISSING);

    accept_service(&d, &q, &r, 1);
    CHECK_EQUAL(0, qemu_must(&q, "leaks"));
    CHECK_EQUAL(1, qemu_must(&q, "sockets")); /* the service connection; that of ATTACH is closed */
    CHECK_EQUAL(2, qemu_must(&q, "threads"));
    CHECK_EQUAL(0, qemu_must(&q, "open-signals"));
    daemon_stop(&d);
}

static void unprivileged_qemu_uses_the_daemons_device(void)
{
    struct daemon d = daemon_start();
    struct qemu_options options = led_to(&d);
    int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC), connection, file = new_ram_file();
    struct shim_message m, opened;
    struct ram r = {.file = file};
    struct qemu q;

    if (device < 0)
        skip("there is no /dev/userfaultfd to open");
    options.unprivileged = true;
    q = qemu_start(options);
    qemu_send(&q, "create " BACKEND_NAME);
    connection = daemon_accept(&d, SHIM_ROLE_ATTACH, &m);
    acknowledge(connection, &m, SHIM_WELCOME);
    m = take(connection, SHIM_OPEN, NULL);
    opened = reply_to(&m, SHIM_OPENED);
    give(connection, &opened, file, device);
    r.qemu_fd = (int)qemu_answer(&q).result;
    map_backend(&q, &r, connection, 4, MISSING);
    qemu_send(&q, "read %d 0", r.slot);
    uint64_t offset;
    next_fault(&r, &offset);
    copy_page(&r, offset, 61);
    CHECK_EQUAL(61, qemu_answer(&q).result);
    daemon_stop(&d);
}

const struct test_case attach_cases[] = {
    {"an attached backend's MISSING and MINOR faults go to the daemon", attached_memory_faults_to_the_daemon, true},
    {"the kernel's userfaultfd features are announced", features_of_the_kernel_are_announced, true},
    {"memory that arrived before QEMU is what the guest sees", incoming_memory_is_seen, true},
    {"two backends have their own index, file and userfaultfd", two_backends, true},
    {"backends may be opened before the first is mapped", backends_opened_before_the_first_is_mapped, true},
    {"attached without modes, holes are filled by the kernel", without_modes_the_kernel_fills, true},
    {"QEMU can give RAM no size but the expected one", size_is_guarded, true},
    {"further mappings of a RAM file pass", other_mappings_pass, true},
    {"nothing is mapped over guest RAM", mapping_over_ram_is_refused, true},
    {"all descriptors are close-on-exec and the service thread blocks all signals", descriptors_and_signals, true},
    {"an unprivileged QEMU uses the daemon's /dev/userfaultfd", unprivileged_qemu_uses_the_daemons_device, true},
    {0},
};
