#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int channel_fail(struct channel *c, int err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(c->error, sizeof c->error, format, arguments);
    va_end(arguments);
    return -err;
}

void descriptors_close(struct descriptors *d)
{
    for (int i = 0; i < CHANNEL_MAX_DESCRIPTORS; i++) {
        if (d->fd[i] >= 0)
            close(d->fd[i]);
        d->fd[i] = -1;
    }
}

static int failed_call(struct channel *c, const char *what, int err)
{
    if (err == EAGAIN || err == EWOULDBLOCK)
        return channel_fail(c, ETIMEDOUT, "%s: splitmemd did not answer within %d ms", what, c->timeout_ms);
    return channel_fail(c, err, "%s: %s (%d)", what, strerror(err), err);
}

/* The receive time-out also ends a half-received message; SO_SNDTIMEO bounds connect() when the backlog is full. */
static int limit_waits(int fd, int timeout_ms)
{
    struct timeval limit = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
        return -1;
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int channel_open(struct channel *c, const char *path, int timeout_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int rc;

    *c = (struct channel){.fd = -1, .timeout_ms = timeout_ms};
    if (strlen(path) >= sizeof address.sun_path)
        return channel_fail(c, ENAMETOOLONG, "the socket path %.40s... is too long", path);
    memcpy(address.sun_path, path, strlen(path));
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return failed_call(c, "socket", errno);
    if (limit_waits(c->fd, timeout_ms) != 0) {
        rc = failed_call(c, "setsockopt", errno);
        goto out;
    }
    while ((rc = connect(c->fd, (struct sockaddr *)&address, sizeof address)) != 0 && errno == EINTR)
        ;
    if (rc == 0)
        return 0;
    rc = errno;
    if (rc == EAGAIN)
        rc = failed_call(c, "connect", rc);
    else
        rc = channel_fail(c, rc, "cannot connect to splitmemd at %s: %s (%d); is it running?", path, strerror(rc), rc);
out:
    channel_close(c);
    return rc;
}

void channel_close(struct channel *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static int send_all(struct channel *c, const struct shim_message *m, int pass)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header; /* for its alignment */
    } control = {0};
    size_t sent = 0;

    while (sent < sizeof *m) {
        struct iovec rest = {(char *)m + sent, sizeof *m - sent};
        struct msghdr header = {.msg_iov = &rest, .msg_iovlen = 1};
        ssize_t n;

        if (pass >= 0 && sent == 0) { /* a descriptor travels with the first byte */
            header.msg_control = control.bytes;
            header.msg_controllen = sizeof control.bytes;
            struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = CMSG_LEN(sizeof pass);
            memcpy(CMSG_DATA(rights), &pass, sizeof pass);
        }
        n = sendmsg(c->fd, &header, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return failed_call(c, "send", errno);
        if (n > 0)
            sent += (size_t)n;
    }
    return 0;
}

/* Every descriptor is either kept in *d or closed: none may leak into QEMU. Returns false if there were too many. */
static bool keep_descriptors(struct msghdr *header, struct descriptors *d)
{
    bool room = !(header->msg_flags & MSG_CTRUNC);

    for (struct cmsghdr *h = CMSG_FIRSTHDR(header); h != NULL; h = CMSG_NXTHDR(header, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd, slot = 0;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            while (slot < CHANNEL_MAX_DESCRIPTORS && d->fd[slot] >= 0)
                slot++;
            if (slot < CHANNEL_MAX_DESCRIPTORS) {
                d->fd[slot] = fd;
            } else {
                close(fd);
                room = false;
            }
        }
    }
    return room;
}

static int receive_all(struct channel *c, void *buffer, size_t length, struct descriptors *d)
{
    union {
        char bytes[CMSG_SPACE(CHANNEL_MAX_DESCRIPTORS * sizeof(int))];
        struct cmsghdr header; /* for its alignment */
    } control;
    size_t received = 0;

    while (received < length) {
        struct iovec rest = {(char *)buffer + received, length - received};
        struct msghdr header = {.msg_iov = &rest, .msg_iovlen = 1,
            .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
        ssize_t n = recvmsg(c->fd, &header, MSG_CMSG_CLOEXEC);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed_call(c, "receive", errno);
        if (!keep_descriptors(&header, d))
            return channel_fail(c, EPROTO, "splitmemd sent more than %d descriptors", CHANNEL_MAX_DESCRIPTORS);
        if (n == 0)
            return channel_fail(c, ECONNRESET, "splitmemd closed the connection");
        received += (size_t)n;
    }
    return 0;
}

static int receive_message(struct channel *c, struct shim_message *m, struct descriptors *d)
{
    int rc = receive_all(c, m, sizeof *m, d);

    if (rc != 0)
        return rc;
    if (m->magic != SHIM_MAGIC)
        return channel_fail(c, EPROTO, "not a shim message: magic 0x%08x", m->magic);
    if (m->version != SHIM_VERSION)
        return channel_fail(c, EPROTO, "splitmemd speaks version %u of the shim protocol, this shim %d",
            m->version, SHIM_VERSION);
    m->text[sizeof m->text - 1] = '\0';
    return 0;
}

int channel_call(struct channel *c, struct shim_message *m, int pass, enum shim_type expected, struct descriptors *got)
{
    struct descriptors received = NO_DESCRIPTORS;
    unsigned asked = m->type;
    int rc;

    m->magic = SHIM_MAGIC;
    m->version = SHIM_VERSION;
    m->seq = ++c->seq;
    rc = send_all(c, m, pass);
    if (rc == 0)
        rc = receive_message(c, m, &received);
    if (rc != 0)
        goto out;
    if (m->seq != c->seq)
        rc = channel_fail(c, EPROTO, "the reply to request type %u has seq %u instead of %u", asked, m->seq, c->seq);
    else if (m->type == SHIM_ERROR)
        rc = channel_fail(c, EACCES, "splitmemd refuses: %s (code %u)", m->text, m->arg);
    else if (m->type != expected)
        rc = channel_fail(c, EPROTO, "the reply to request type %u has type %u instead of %d", asked, m->type,
            expected);
out:
    if (rc == 0 && got != NULL)
        *got = received;
    else
        descriptors_close(&received);
    return rc;
}

int channel_hello(struct channel *c, enum shim_role role, uint64_t backends, const char *vm)
{
    struct shim_message m = {.type = SHIM_HELLO, .arg = role, .a = (uint64_t)getpid(), .b = backends};

    m.c = role == SHIM_ROLE_SERVICE ? SHIM_KNOWS_DISCARDS : 0;
    snprintf(m.text, sizeof m.text, "%s", vm);
    return channel_call(c, &m, -1, SHIM_WELCOME, NULL);
}

int channel_reply(struct channel *c, const struct shim_message *m)
{
    return send_all(c, m, -1);
}

int channel_next_request(struct channel *c, struct shim_message *m)
{
    struct pollfd idle = {.fd = c->fd, .events = POLLIN};
    struct descriptors stray = NO_DESCRIPTORS;
    int rc;

    while ((rc = poll(&idle, 1, -1)) < 0 && errno == EINTR)
        ;
    if (rc < 0)
        return failed_call(c, "poll", errno);
    rc = receive_message(c, m, &stray);
    descriptors_close(&stray);
    return rc;
}

int channel_receive_body(struct channel *c, void *body, size_t length)
{
    struct descriptors stray = NO_DESCRIPTORS;
    int rc = receive_all(c, body, length, &stray);

    descriptors_close(&stray);
    return rc;
}
