#include "channel.h"
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * OPENED -> MAPPED   QEMU has mapped it, the daemon has the userfaultfd, the modes are registered
 * OPENED -> GONE     the mapping or its hand-shake was refused, and so QEMU's call failed
 * MAPPED -> GONE     QEMU unmaps it: memory unplug
 */
enum state { OPENED, MAPPED, GONE };

struct backend {
    _Atomic enum state state;
    dev_t device; /* the file's identity: QEMU may close, duplicate and reuse descriptors, not this */
    ino_t inode;
    uint64_t expected_length; /* 0: any */
    struct channel channel;   /* the ATTACH connection, until it is mapped */
    int userfault_device;     /* an open /dev/userfaultfd of the daemon's, or -1; until it is mapped */
    struct backend_view view; /* written before MAPPED is stored */
};

/* Filled from the start and never reused: [0, opened) are valid, and what precedes a state is written before it. */
static struct backend backends[SHIM_MAX_BACKENDS];

/* How many are valid; only grows. Written under attach_lock, read by every thread. */
static atomic_uint opened;

/*
 * Held through each hand-shake, so that backends are numbered in the order of QEMU's calls, and by the service thread
 * while it connects and lists them: so a new service connection never misses one that the previous daemon has just
 * attached, and its HELLO never waits for a hand-shake that waits behind it in a daemon with one thread.
 */
static pthread_mutex_t attach_lock = PTHREAD_MUTEX_INITIALIZER;

/* Held by the service thread while it touches a backend's range, and by QEMU's thread that is about to unmap one. */
static pthread_mutex_t range_lock = PTHREAD_MUTEX_INITIALIZER;

static int refuse(const struct backend *b, int err, const char *why)
{
    shim_log("RAM backend %td of VM %s: %s", b - backends, shim_config.vm, why);
    return -err;
}

/* Takes OPENED's descriptors. The RAM must be a writable file of its own: that tells this backend from the others. */
static int take_file(struct backend *b, struct descriptors *d)
{
    struct stat file;
    int flags;

    if (d->fd[0] < 0)
        return channel_fail(&b->channel, EPROTO, "splitmemd sent no RAM file");
    flags = fcntl(d->fd[0], F_GETFL);
    if (flags < 0 || fstat(d->fd[0], &file) != 0)
        return channel_fail(&b->channel, errno, "the RAM file: %s (%d)", strerror(errno), errno);
    if (!S_ISREG(file.st_mode) || (flags & O_ACCMODE) != O_RDWR)
        return channel_fail(&b->channel, EPROTO, "splitmemd sent no writable file as RAM");
    if (backend_of(d->fd[0]) != NULL)
        return channel_fail(&b->channel, EPROTO, "splitmemd sent the RAM file of another backend");
    b->device = file.st_dev;
    b->inode = file.st_ino;
    b->userfault_device = d->fd[1];
    return 0;
}

static int ask_for_file(struct backend *b, uint32_t index)
{
    struct shim_message m = {.type = SHIM_OPEN, .arg = index};
    struct descriptors d = NO_DESCRIPTORS;
    int rc = channel_open(&b->channel, shim_config.socket, shim_config.timeout_ms);

    if (rc == 0)
        rc = channel_hello(&b->channel, SHIM_ROLE_ATTACH, 0, shim_config.vm);
    if (rc == 0)
        rc = channel_call(&b->channel, &m, -1, SHIM_OPENED, &d);
    if (rc == 0)
        rc = take_file(b, &d);
    if (rc != 0) {
        descriptors_close(&d);
        channel_close(&b->channel);
        return refuse(b, -rc, b->channel.error);
    }
    b->expected_length = m.a;
    return d.fd[0];
}

int backend_open(int number)
{
    int rc = -ENOSPC;
    unsigned index;

    pthread_mutex_lock(&attach_lock);
    index = atomic_load(&opened);
    if (index == SHIM_MAX_BACKENDS) {
        shim_log("VM %s has more than %d RAM backends", shim_config.vm, SHIM_MAX_BACKENDS);
        goto out;
    }
    /* The daemon's files go by the order of the command line, at both ends of a migration. */
    if (number >= 0 && (unsigned)number != index) {
        shim_log("VM %s: QEMU opens RAM backend %d when it is %u's turn", shim_config.vm, number, index);
        rc = -EBUSY;
        goto out;
    }
    rc = ask_for_file(&backends[index], index);
    if (rc >= 0) {
        atomic_store(&backends[index].state, OPENED);
        atomic_store(&opened, index + 1);
    }
out:
    pthread_mutex_unlock(&attach_lock);
    return rc;
}

struct backend *backend_of(int fd)
{
    unsigned count = atomic_load(&opened);
    struct stat file;
    int err = errno;

    if (count == 0 || fd < 0)
        return NULL;
    if (fstat(fd, &file) != 0) {
        errno = err; /* the caller goes on with the real call, which finds the reason itself */
        return NULL;
    }
    for (unsigned i = 0; i < count; i++)
        if (backends[i].device == file.st_dev && backends[i].inode == file.st_ino)
            return &backends[i];
    return NULL;
}

bool backend_is_mapped(const struct backend *b)
{
    return atomic_load(&b->state) == MAPPED;
}

int backend_check_size(const struct backend *b, uint64_t length)
{
    char why[160];

    if (atomic_load(&b->state) != OPENED) {
        snprintf(why, sizeof why, "QEMU may not resize RAM in use to %llu bytes", (unsigned long long)length);
        return length == b->view.length ? 0 : refuse(b, EPERM, why);
    }
    if (b->expected_length == 0 || b->expected_length == length)
        return 0;
    snprintf(why, sizeof why, "QEMU wants %llu bytes, but the prepared memory has %llu",
        (unsigned long long)length, (unsigned long long)b->expected_length);
    return refuse(b, EINVAL, why);
}

static int check_mapping(const struct backend *b, uint64_t length, int flags, off_t offset)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (atomic_load(&b->state) == GONE)
        return refuse(b, ENXIO, "QEMU maps it again");
    /* Through a private mapping the guest's writes would never reach the file, and a migration would lose them. */
    if ((flags & MAP_TYPE) != MAP_SHARED && (flags & MAP_TYPE) != MAP_SHARED_VALIDATE)
        return refuse(b, EINVAL, "QEMU maps it privately; the memory backend needs share=on");
    if (offset != 0 || length == 0 || length % page != 0)
        return refuse(b, EINVAL, "QEMU maps only a part of it");
    return backend_check_size(b, length);
}

/* Ends the hand-shake. The connection's end tells the daemon that the backend is ready, so it comes last. */
static void settle(struct backend *b, enum state state)
{
    atomic_store(&b->state, state);
    if (b->userfault_device >= 0)
        close(b->userfault_device);
    b->userfault_device = -1;
    channel_close(&b->channel);
}

int backend_accept_mapping(struct backend *b, uint64_t length, int flags, off_t offset)
{
    int rc;

    pthread_mutex_lock(&attach_lock);
    rc = check_mapping(b, length, flags, offset);
    if (rc != 0)
        settle(b, GONE);
    pthread_mutex_unlock(&attach_lock);
    return rc;
}

/* The daemon resolves no fault before MAPPED_OK, and nobody else knows the address: nothing can fault until then. */
static int hand_over(struct backend *b)
{
    struct channel *c = &b->channel;
    struct backend_view *v = &b->view;
    struct shim_message m = {.type = SHIM_MAPPED, .arg = v->index, .a = v->address, .b = v->length};
    char error[256];
    int rc;

    v->uffd = userfault_open(b->userfault_device, &m.c, error, sizeof error);
    if (v->uffd < 0)
        return channel_fail(c, -v->uffd, "%s", error);
    rc = channel_call(c, &m, v->uffd, SHIM_MAPPED_OK, NULL);
    if (rc != 0)
        return rc;
    if (!userfault_knows_modes(m.a))
        return channel_fail(c, EPROTO, "splitmemd wants the unknown modes 0x%llx", (unsigned long long)m.a);
    rc = discard_attached(m.b);
    if (rc != 0)
        return channel_fail(c, rc, "splitmemd wants discards handled by the unknown rule %llu", (unsigned long long)m.b);
    rc = m.a == 0 ? 0 : userfault_set_modes(v->uffd, v->address, v->length, m.a);
    if (rc != 0)
        return channel_fail(c, rc, "UFFDIO_REGISTER, modes 0x%llx: %s (%d)", (unsigned long long)m.a, strerror(rc), rc);
    rc = service_start();
    return rc == 0 ? 0 : channel_fail(c, -rc, "no service thread: %s (%d)", strerror(-rc), -rc);
}

int backend_attach(struct backend *b, void *address, size_t length)
{
    int rc;

    pthread_mutex_lock(&attach_lock);
    b->view = (struct backend_view){(uint32_t)(b - backends), (uintptr_t)address, length, -1};
    rc = hand_over(b);
    if (rc != 0) {
        refuse(b, -rc, b->channel.error);
        if (b->view.uffd >= 0)
            close(b->view.uffd);
    }
    settle(b, rc == 0 ? MAPPED : GONE);
    pthread_mutex_unlock(&attach_lock);
    return rc;
}

static bool overlaps(const struct backend *b, uint64_t address, uint64_t length)
{
    return atomic_load(&b->state) == MAPPED && address < b->view.address + b->view.length
        && b->view.address < address + length;
}

bool backend_overlaps(const void *address, size_t length)
{
    unsigned count = atomic_load(&opened);

    for (unsigned i = 0; i < count; i++)
        if (overlaps(&backends[i], (uintptr_t)address, length))
            return true;
    return false;
}

bool backend_view_of(const struct backend *b, struct backend_view *view)
{
    if (atomic_load(&b->state) != MAPPED)
        return false;
    *view = b->view;
    return true;
}

/* The userfaultfd stays open: the service thread may be passing it on, and its number must not change its meaning. */
void backend_forget(const void *address, size_t length)
{
    unsigned count = atomic_load(&opened);

    for (unsigned i = 0; i < count; i++) {
        if (!overlaps(&backends[i], (uintptr_t)address, length))
            continue;
        pthread_mutex_lock(&range_lock);
        atomic_store(&backends[i].state, GONE);
        pthread_mutex_unlock(&range_lock);
    }
}

void backend_freeze(void)
{
    pthread_mutex_lock(&attach_lock);
}

void backend_thaw(void)
{
    pthread_mutex_unlock(&attach_lock);
}

size_t backend_list(struct backend_view *views, size_t max)
{
    size_t count = 0;

    for (unsigned i = 0; i < atomic_load(&opened) && count < max; i++)
        if (atomic_load(&backends[i].state) == MAPPED)
            views[count++] = backends[i].view;
    return count;
}

int backend_pin(uint32_t index, struct backend_view *view)
{
    if (index >= atomic_load(&opened) || atomic_load(&backends[index].state) == OPENED)
        return EINVAL;
    pthread_mutex_lock(&range_lock);
    if (atomic_load(&backends[index].state) == MAPPED) {
        *view = backends[index].view;
        return 0;
    }
    pthread_mutex_unlock(&range_lock);
    return ENXIO;
}

void backend_unpin(void)
{
    pthread_mutex_unlock(&range_lock);
}
