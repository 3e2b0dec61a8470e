#include "fake_daemon.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct daemon daemon_start(void)
{
    struct daemon d = {.waiting = -1, .directory = "/tmp/shim-test-XXXXXX"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    CHECK(mkdtemp(d.directory) != NULL);
    CHECK(chmod(d.directory, 0755) == 0);
    snprintf(d.socket, sizeof d.socket, "%s/shim.sock", d.directory);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", d.socket);
    d.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(d.listener >= 0);
    CHECK(bind(d.listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(chmod(d.socket, 0666) == 0);
    CHECK(listen(d.listener, 8) == 0);
    return d;
}

void daemon_stop(struct daemon *d)
{
    close(d->listener);
    unlink(d->socket);
    rmdir(d->directory);
}

struct qemu_options led_to(const struct daemon *d)
{
    return (struct qemu_options){.vm = VM, .socket = d->socket};
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, LIMIT_MS) == 1;
}

int daemon_accept(struct daemon *d, enum shim_role role, struct shim_message *hello)
{
    for (;;) {
        int connection = d->waiting;

        if (connection >= 0 && d->hello.arg == role) {
            d->waiting = -1;
            *hello = d->hello;
            return connection;
        }
        CHECK(readable(d->listener));
        connection = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(connection >= 0);
        *hello = take(connection, SHIM_HELLO, NULL);
        if (hello->arg == role)
            return connection;
        CHECK_EQUAL(-1, d->waiting);
        d->waiting = connection;
        d->hello = *hello;
    }
}

struct shim_message take(int connection, enum shim_type type, int *fd)
{
    struct shim_message m;
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
    size_t received = 0;

    if (fd != NULL)
        *fd = -1;
    while (received < sizeof m) {
        struct iovec rest = {(char *)&m + received, sizeof m - received};
        struct msghdr h = {.msg_iov = &rest, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        CHECK(readable(connection));
        ssize_t n = recvmsg(connection, &h, MSG_CMSG_CLOEXEC);
        CHECK(n > 0);
        received += (size_t)n;
        if (CMSG_FIRSTHDR(&h) != NULL && fd != NULL)
            memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof *fd);
    }
    CHECK_EQUAL(SHIM_MAGIC, m.magic);
    CHECK_EQUAL(SHIM_VERSION, m.version);
    CHECK_EQUAL(type, m.type);
    return m;
}

struct shim_message reply_to(const struct shim_message *m, enum shim_type type)
{
    return (struct shim_message){.magic = SHIM_MAGIC, .version = SHIM_VERSION, .type = type, .seq = m->seq};
}

void give(int connection, const struct shim_message *m, int fd0, int fd1)
{
    int fds[2] = {fd0, fd1};
    size_t bytes = (fd0 >= 0 ? 1U + (fd1 >= 0) : 0) * sizeof(int);
    char control[CMSG_SPACE(sizeof fds)] __attribute__((aligned(8))) = {0};
    struct iovec all = {(void *)m, sizeof *m};
    struct msghdr h = {.msg_iov = &all, .msg_iovlen = 1};

    if (bytes > 0) {
        h.msg_control = control;
        h.msg_controllen = CMSG_SPACE(bytes);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&h);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(rights), fds, bytes);
    }
    CHECK_EQUAL(sizeof *m, sendmsg(connection, &h, MSG_NOSIGNAL));
}

void acknowledge(int connection, const struct shim_message *m, enum shim_type type)
{
    struct shim_message reply = reply_to(m, type);

    give(connection, &reply, -1, -1);
}

bool is_closed(int connection)
{
    char byte;

    return readable(connection) && recv(connection, &byte, 1, 0) <= 0;
}

int new_ram_file(void)
{
    int file = memfd_create("ram", MFD_CLOEXEC); /* takes no seals, like any file on tmpfs */

    CHECK(file >= 0);
    return file;
}

struct ram open_backend(struct daemon *d, struct qemu *q, uint64_t expected_length, int *connection)
{
    return open_backend_by(d, q, "create " BACKEND_NAME, expected_length, connection);
}

struct ram open_backend_by(
    struct daemon *d, struct qemu *q, const char *command, uint64_t expected_length, int *connection)
{
    struct ram r = {.file = new_ram_file()};
    struct shim_message m, opened;
    struct answer a;

    qemu_send(q, "%s", command);
    *connection = daemon_accept(d, SHIM_ROLE_ATTACH, &m);
    CHECK_EQUAL(q->pid, m.a);
    CHECK(strcmp(m.text, VM) == 0);
    acknowledge(*connection, &m, SHIM_WELCOME);
    m = take(*connection, SHIM_OPEN, NULL);
    r.index = m.arg;
    opened = reply_to(&m, SHIM_OPENED);
    opened.a = expected_length;
    give(*connection, &opened, r.file, -1);
    a = qemu_answer(q);
    CHECK(a.result >= 0);
    r.qemu_fd = (int)a.result;
    return r;
}

void map_backend(struct qemu *q, struct ram *r, int connection, uint64_t pages, uint64_t modes)
{
    map_backend_with_rule(q, r, connection, pages, modes, SHIM_DISCARDS_REFUSED);
}

void map_backend_with_rule(
    struct qemu *q, struct ram *r, int connection, uint64_t pages, uint64_t modes, enum shim_discards rule)
{
    struct shim_message m, ok;
    struct answer a;

    r->length = pages * PAGE;
    qemu_must(q, "resize %d %llu", r->qemu_fd, (unsigned long long)r->length);
    qemu_must(q, "seal %d", r->qemu_fd);
    qemu_send(q, "map %d %llu", r->qemu_fd, (unsigned long long)r->length);
    m = take(connection, SHIM_MAPPED, &r->uffd);
    CHECK_EQUAL(r->index, m.arg);
    CHECK_EQUAL(r->length, m.b);
    CHECK(r->uffd >= 0);
    r->address = m.a;
    r->features = m.c;
    ok = reply_to(&m, SHIM_MAPPED_OK);
    ok.a = modes;
    ok.b = rule;
    give(connection, &ok, -1, -1);
    CHECK(is_closed(connection));
    close(connection);
    a = qemu_answer(q);
    CHECK(a.result >= 0);
    r->slot = (int)a.result;
    CHECK_EQUAL(r->address, qemu_must(q, "address %d", r->slot));
}

struct ram attach(struct daemon *d, struct qemu *q, uint64_t pages, uint64_t modes)
{
    int connection;
    struct ram r = open_backend(d, q, pages * PAGE, &connection);

    map_backend(q, &r, connection, pages, modes);
    return r;
}

int accept_service(struct daemon *d, struct qemu *q, struct ram *rams, unsigned count)
{
    struct shim_message m;
    int service = daemon_accept(d, SHIM_ROLE_SERVICE, &m);

    CHECK_EQUAL(q->pid, m.a);
    CHECK_EQUAL(count, m.b);
    CHECK(strcmp(m.text, VM) == 0);
    acknowledge(service, &m, SHIM_WELCOME);
    for (unsigned i = 0; i < count; i++) {
        if (rams[i].uffd >= 0)
            close(rams[i].uffd);
        m = take(service, SHIM_MAPPED, &rams[i].uffd);
        CHECK_EQUAL(rams[i].index, m.arg);
        CHECK_EQUAL(rams[i].address, m.a);
        CHECK_EQUAL(rams[i].length, m.b);
        CHECK_EQUAL(0, m.c);
        CHECK(rams[i].uffd >= 0);
        acknowledge(service, &m, SHIM_MAPPED_OK);
    }
    return service;
}

static uint32_t last_seq = 1000; /* of the case's only thread */

static struct shim_message request(int service, struct shim_message m, const void *body, size_t length)
{
    struct shim_message done;

    m.magic = SHIM_MAGIC;
    m.version = SHIM_VERSION;
    m.seq = ++last_seq;
    give(service, &m, -1, -1);
    if (length > 0)
        CHECK_EQUAL(length, send(service, body, length, MSG_NOSIGNAL));
    done = take(service, SHIM_DONE, NULL);
    CHECK_EQUAL(m.seq, done.seq);
    return done;
}

struct shim_message zap(int service, uint32_t backend, unsigned count, const struct shim_range *ranges)
{
    struct shim_message m = {.type = SHIM_ZAP, .arg = backend, .b = count};

    return request(service, m, ranges, count * sizeof *ranges);
}

uint32_t zap_range(int service, uint32_t backend, uint64_t offset, uint64_t length)
{
    return zap(service, backend, 1, &(struct shim_range){offset, length}).arg;
}

uint32_t set_modes(int service, uint32_t backend, uint64_t modes, uint64_t offset, uint64_t length)
{
    struct shim_message m = {.type = SHIM_MODES, .arg = backend, .a = modes, .b = offset, .c = length};

    return request(service, m, NULL, 0).arg;
}

uint32_t set_hold(int service, bool held)
{
    struct shim_message m = {.type = SHIM_HOLD, .arg = held};

    return request(service, m, NULL, 0).arg;
}

void send_discards(int service, uint32_t rule)
{
    struct shim_message m = {.magic = SHIM_MAGIC, .version = SHIM_VERSION, .type = SHIM_DISCARDS, .seq = ++last_seq};

    m.arg = rule;
    give(service, &m, -1, -1);
}

uint32_t set_discards(int service, uint32_t rule)
{
    send_discards(service, rule);
    return take(service, SHIM_DONE, NULL).arg;
}

uint64_t next_fault(const struct ram *r, uint64_t *offset)
{
    struct uffd_msg event;

    CHECK(readable(r->uffd));
    CHECK_EQUAL(sizeof event, read(r->uffd, &event, sizeof event));
    CHECK_EQUAL(UFFD_EVENT_PAGEFAULT, event.event);
    *offset = (event.arg.pagefault.address & ~(uint64_t)(PAGE - 1)) - r->address;
    return event.arg.pagefault.flags;
}

bool has_fault(const struct ram *r)
{
    struct pollfd p = {.fd = r->uffd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

void copy_page(const struct ram *r, uint64_t offset, int value)
{
    static unsigned char page[PAGE] __attribute__((aligned(PAGE)));
    struct uffdio_copy copy = {.dst = r->address + offset, .src = (uintptr_t)page, .len = PAGE};

    memset(page, value, sizeof page);
    CHECK(ioctl(r->uffd, UFFDIO_COPY, &copy) == 0);
}

void continue_page(const struct ram *r, uint64_t offset)
{
    struct uffdio_continue c = {.range = {.start = r->address + offset, .len = PAGE}};

    CHECK(ioctl(r->uffd, UFFDIO_CONTINUE, &c) == 0);
}

void wake_all(const struct ram *r)
{
    struct uffdio_range all = {.start = r->address, .len = r->length};

    CHECK(ioctl(r->uffd, UFFDIO_WAKE, &all) == 0);
}

void write_file(const struct ram *r, uint64_t offset, int value)
{
    unsigned char byte = (unsigned char)value;

    CHECK_EQUAL(1, pwrite(r->file, &byte, 1, (off_t)offset));
}
