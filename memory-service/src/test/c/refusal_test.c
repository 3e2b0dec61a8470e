/* A hand-shake that fails, and so does QEMU's call: with a fitting errno and one line of log. */
#include "fake_daemon.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum step { AT_HELLO, AT_OPEN, AT_MAPPED };

/* A hand-shake that has come to the request `asked` of a step; the daemon owes the answer. */
struct handshake {
    struct daemon d;
    struct qemu q;
    int connection;
    struct shim_message asked;
};

static struct handshake up_to(enum step step, struct qemu_options extra)
{
    struct handshake h = {.d = daemon_start()};
    struct qemu_options options = led_to(&h.d);
    struct ram r;

    options.timeout_ms = extra.timeout_ms;
    h.q = qemu_start(options);
    if (step == AT_MAPPED) {
        r = open_backend(&h.d, &h.q, 0, &h.connection);
        qemu_must(&h.q, "resize %d %d", r.qemu_fd, 4 * PAGE);
        qemu_send(&h.q, "map %d %d", r.qemu_fd, 4 * PAGE);
        h.asked = take(h.connection, SHIM_MAPPED, NULL);
        return h;
    }
    qemu_send(&h.q, "create " BACKEND_NAME);
    h.connection = daemon_accept(&h.d, SHIM_ROLE_ATTACH, &h.asked);
    if (step == AT_OPEN) {
        acknowledge(h.connection, &h.asked, SHIM_WELCOME);
        h.asked = take(h.connection, SHIM_OPEN, NULL);
    }
    return h;
}

/* The call fails with this errno, the connection is closed, and the reason is one line of log; nothing else remains. */
static void expect_failure(struct handshake *h, int error, const char *reason)
{
    struct answer a = qemu_answer(&h->q);

    CHECK_EQUAL(-1, a.result);
    CHECK_EQUAL(error, a.error);
    CHECK_EQUAL(1, qemu_log_count(&h->q, reason));
    CHECK_EQUAL(1, qemu_log_count(&h->q, "splitmem-shim: "));
    CHECK_EQUAL(1, qemu_log_count(&h->q, "\n"));
    CHECK_EQUAL(1, qemu_must(&h->q, "threads"));
    CHECK_EQUAL(0, qemu_must(&h->q, "sockets"));
    qemu_send(&h->q, "exit");
    CHECK_EQUAL(7, qemu_join(&h->q));
    close(h->connection);
    daemon_stop(&h->d);
}

static void daemon_refuses(void)
{
    for (enum step step = AT_HELLO; step <= AT_MAPPED; step++) {
        struct handshake h = up_to(step, (struct qemu_options){0});
        struct shim_message m = reply_to(&h.asked, SHIM_ERROR);

        m.arg = 12;
        snprintf(m.text, sizeof m.text, "no memory\nis prepared");
        give(h.connection, &m, -1, -1);
        expect_failure(&h, EACCES, "RAM backend 0 of VM " VM ": splitmemd refuses: no memory?is prepared (code 12)\n");
    }
}

static void text_without_end(void)
{
    struct handshake h = up_to(AT_HELLO, (struct qemu_options){0});
    struct shim_message m = reply_to(&h.asked, SHIM_ERROR);

    memset(m.text, 'x', sizeof m.text);
    give(h.connection, &m, -1, -1);
    expect_failure(&h, EACCES, "xxx (code 0)\n");
}

static void daemon_stalls(void)
{
    for (enum step step = AT_HELLO; step <= AT_MAPPED; step++) {
        struct handshake h = up_to(step, (struct qemu_options){.timeout_ms = STALL_MS});

        expect_failure(&h, ETIMEDOUT, "splitmemd did not answer within 500 ms");
    }
}

static void daemon_stalls_in_mid_message(void)
{
    struct handshake h = up_to(AT_OPEN, (struct qemu_options){.timeout_ms = STALL_MS});
    struct shim_message m = reply_to(&h.asked, SHIM_OPENED);

    CHECK_EQUAL(100, send(h.connection, &m, 100, MSG_NOSIGNAL));
    expect_failure(&h, ETIMEDOUT, "splitmemd did not answer within 500 ms");
}

static void daemon_dies(void)
{
    for (enum step step = AT_HELLO; step <= AT_MAPPED; step++) {
        struct handshake h = up_to(step, (struct qemu_options){0});
        struct shim_message m = reply_to(&h.asked, SHIM_WELCOME);

        if (step == AT_OPEN)
            CHECK_EQUAL(100, send(h.connection, &m, 100, MSG_NOSIGNAL));
        shutdown(h.connection, SHUT_RDWR);
        expect_failure(&h, ECONNRESET, "splitmemd closed the connection");
    }
}

static void no_daemon(void)
{
    struct handshake h = {.d = daemon_start(), .connection = -1};

    h.q = qemu_start(led_to(&h.d));
    close(h.d.listener);
    h.d.listener = -1;
    qemu_send(&h.q, "create " BACKEND_NAME);
    expect_failure(&h, ECONNREFUSED, "is it running?\n");
}

static void no_socket(void)
{
    struct handshake h = {.d = daemon_start(), .connection = -1};
    struct qemu_options options = led_to(&h.d);
    char path[300];

    options.socket = "/nowhere/shim.sock";
    h.q = qemu_start(options);
    qemu_send(&h.q, "create " BACKEND_NAME);
    expect_failure(&h, ENOENT, "cannot connect to splitmemd at /nowhere/shim.sock");

    h = (struct handshake){.d = daemon_start(), .connection = -1};
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    options.socket = path;
    h.q = qemu_start(options);
    qemu_send(&h.q, "create " BACKEND_NAME);
    expect_failure(&h, ENAMETOOLONG, "is too long\n");
}

static void garbled_replies(void)
{
    const char *reasons[] = {"not a shim message: magic 0x48535054", "version 2", "seq", "type 9 instead of"};

    for (enum step step = AT_HELLO; step <= AT_MAPPED; step++)
        for (int i = 0; i < 4; i++) {
            const enum shim_type right[] = {SHIM_WELCOME, SHIM_OPENED, SHIM_MAPPED_OK};
            struct handshake h = up_to(step, (struct qemu_options){0});
            struct shim_message m = reply_to(&h.asked, right[step]);

            m.magic += i == 0;
            m.version += i == 1;
            m.seq += i == 2;
            if (i == 3)
                m.type = SHIM_DONE;
            give(h.connection, &m, -1, -1);
            expect_failure(&h, EPROTO, reasons[i]);
        }
}

static void opened_with(int fd0, int fd1, const char *reason)
{
    struct handshake h = up_to(AT_OPEN, (struct qemu_options){0});
    struct shim_message m = reply_to(&h.asked, SHIM_OPENED);

    give(h.connection, &m, fd0, fd1);
    expect_failure(&h, EPROTO, reason);
}

static void wrong_descriptors(void)
{
    char path[64];
    int pipes[2], file = new_ram_file();

    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    CHECK(pipe2(pipes, O_CLOEXEC) == 0);
    opened_with(-1, -1, "splitmemd sent no RAM file");
    opened_with(open(path, O_RDONLY | O_CLOEXEC), -1, "splitmemd sent no writable file as RAM");
    opened_with(pipes[1], -1, "splitmemd sent no writable file as RAM");
}

static void same_file_twice(void)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    struct ram r = attach(&d, &q, 4, 0);
    struct shim_message m, opened;
    int connection;

    qemu_send(&q, "create " BACKEND_NAME);
    connection = daemon_accept(&d, SHIM_ROLE_ATTACH, &m);
    acknowledge(connection, &m, SHIM_WELCOME);
    m = take(connection, SHIM_OPEN, NULL);
    CHECK_EQUAL(1, m.arg);
    opened = reply_to(&m, SHIM_OPENED);
    give(connection, &opened, r.file, -1);
    CHECK_EQUAL(EPROTO, qemu_answer(&q).error);
    CHECK_EQUAL(1, qemu_log_count(&q, "splitmemd sent the RAM file of another backend"));
    daemon_stop(&d);
}

static void unknown_modes(void)
{
    struct handshake h = up_to(AT_MAPPED, (struct qemu_options){0});
    struct shim_message m = reply_to(&h.asked, SHIM_MAPPED_OK);

    m.a = 8;
    give(h.connection, &m, -1, -1);
    expect_failure(&h, EPROTO, "splitmemd wants the unknown modes 0x8");
}

static void stray_descriptors(void)
{
    struct handshake h = up_to(AT_HELLO, (struct qemu_options){0});
    struct shim_message m = reply_to(&h.asked, SHIM_WELCOME);
    int file = new_ram_file();

    give(h.connection, &m, file, file);
    m = take(h.connection, SHIM_OPEN, NULL);
    m = reply_to(&m, SHIM_ERROR);
    give(h.connection, &m, file, file);
    CHECK_EQUAL(EACCES, qemu_answer(&h.q).error);
    close(h.connection);
    CHECK_EQUAL(0, qemu_must(&h.q, "ram-files"));
    daemon_stop(&h.d);
}

static void unsuitable_mapping(const char *verb, int length, int offset, const char *reason)
{
    struct daemon d = daemon_start();
    struct qemu q = qemu_start(led_to(&d));
    int connection;
    struct ram r = open_backend(&d, &q, 4 * PAGE, &connection);

    qemu_must(&q, "resize %d %d", r.qemu_fd, 4 * PAGE);
    CHECK_EQUAL(EINVAL, qemu_do(&q, "%s %d %d %d", verb, r.qemu_fd, length, offset).error);
    CHECK_EQUAL(1, qemu_log_count(&q, reason));
    CHECK(is_closed(connection));
    CHECK_EQUAL(ENXIO, qemu_do(&q, "map %d %d", r.qemu_fd, 4 * PAGE).error);
    daemon_stop(&d);
}

static void unsuitable_mappings(void)
{
    unsuitable_mapping("map-private", 4 * PAGE, 0, "needs share=on");
    unsuitable_mapping("map", PAGE, PAGE, "only a part");
    unsuitable_mapping("map", 4 * PAGE + 1, 0, "only a part");
    unsuitable_mapping("map", 2 * PAGE, 0, "wants 8192 bytes");
}

static void huge_pages(void)
{
    struct handshake h = {.d = daemon_start(), .connection = -1};

    h.q = qemu_start(led_to(&h.d));
    qemu_send(&h.q, "create " BACKEND_NAME " %u", 4U /* MFD_HUGETLB */);
    expect_failure(&h, EOPNOTSUPP, "huge pages cannot be split");
}

static void no_userfaultfd(void)
{
    struct daemon d = daemon_start();
    struct qemu_options options = led_to(&d);
    struct ram r;
    struct qemu q;
    int connection, setting = '?', f = open("/proc/sys/vm/unprivileged_userfaultfd", O_RDONLY | O_CLOEXEC);
    struct stat device;

    if (geteuid() != 0 || f < 0 || read(f, &setting, 1) != 1 || (char)setting != '0')
        skip("vm.unprivileged_userfaultfd is not 0, or not root");
    if (stat("/dev/userfaultfd", &device) == 0 && (device.st_mode & 0006) == 0006)
        skip("everybody may use /dev/userfaultfd");
    options.unprivileged = true;
    q = qemu_start(options);
    r = open_backend(&d, &q, 0, &connection);
    qemu_must(&q, "resize %d %d", r.qemu_fd, 4 * PAGE);
    CHECK_EQUAL(EPERM, qemu_do(&q, "map %d %d", r.qemu_fd, 4 * PAGE).error);
    CHECK_EQUAL(1, qemu_log_count(&q, "QEMU needs /dev/userfaultfd"));
    CHECK(is_closed(connection));
    daemon_stop(&d);
}

const struct test_case refusal_cases[] = {
    {"a refusal of the daemon fails QEMU's call with its reason in one line", daemon_refuses, true},
    {"a text without an end is cut", text_without_end, false},
    {"a hand-shake that stalls times out", daemon_stalls, true},
    {"a hand-shake that stalls in the middle of a message times out", daemon_stalls_in_mid_message, false},
    {"a daemon that dies in the hand-shake fails QEMU's call", daemon_dies, true},
    {"no daemon: connection refused", no_daemon, false},
    {"no socket, or a path too long for one, is named", no_socket, false},
    {"wrong magic, version, seq and type are refused in each step", garbled_replies, true},
    {"a RAM file must be there, writable and a file", wrong_descriptors, false},
    {"one file cannot be the RAM of two backends", same_file_twice, true},
    {"unknown modes are refused", unknown_modes, true},
    {"descriptors nobody asked for do not stay in QEMU", stray_descriptors, false},
    {"private, partial and wrongly sized mappings are refused for good", unsuitable_mappings, false},
    {"huge pages are refused", huge_pages, false},
    {"without a userfaultfd QEMU's start fails and says what it needs", no_userfaultfd, true},
    {0},
};
