#include "channel.h"
#include "shim.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    RECONNECT_NS = 100 * 1000 * 1000,
    QUIET_AFTER_LOSS_S = 10, /* a daemon that drops us sooner, each time, gets one line of log, not ten a second */
    STACK_BYTES = 256 * 1024,
};

/* The process that runs the service thread; a forked child has another pid. Written once, under the attach lock. */
static _Atomic pid_t service_pid;

/* Whether QEMU may exit. Set by the service thread, awaited by the thread that runs exit(). */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held;
    bool too_late;
} hold = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* All ranges are checked before the first is zapped: a bad request has no effect. Returns an errno, and which range. */
static int zap_ranges(const struct backend_view *v, const struct shim_range *ranges, uint64_t count, uint64_t *failed)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t i;

    for (i = 0; i < count; i++) {
        const struct shim_range *r = &ranges[i];
        *failed = i;
        if (r->length == 0 || (r->offset | r->length) % page != 0)
            return EINVAL;
        if (r->offset > v->length || r->length > v->length - r->offset)
            return EINVAL;
    }
    for (i = 0; i < count; i++) {
        *failed = i;
        uint64_t address = v->address + ranges[i].offset;
        /* Drops page-table entries only: RAM is a shared file, and its pages stay there. madvise() is QEMU's: ours. */
        if (syscall(SYS_madvise, address, ranges[i].length, MADV_DONTNEED) != 0)
            return errno;
    }
    *failed = 0;
    return 0;
}

static int zap(struct channel *c, const struct shim_message *m, struct shim_message *done)
{
    static struct shim_range ranges[SHIM_MAX_ZAP_RANGES]; /* of the service thread alone, and too big for its stack */
    struct backend_view view;
    int rc;

    if (m->b == 0 || m->b > SHIM_MAX_ZAP_RANGES)
        return channel_fail(c, EPROTO, "ZAP of %llu ranges", (unsigned long long)m->b);
    rc = channel_receive_body(c, ranges, m->b * sizeof ranges[0]);
    if (rc != 0)
        return rc;
    rc = backend_pin(m->arg, &view);
    if (rc == 0) {
        rc = zap_ranges(&view, ranges, m->b, &done->a);
        backend_unpin();
    }
    done->arg = (uint32_t)rc;
    return channel_reply(c, done);
}

static int set_modes(const struct shim_message *m)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t offset = m->b, length = m->c;
    struct backend_view v;
    int rc = backend_pin(m->arg, &v);

    if (rc != 0)
        return rc;
    if (offset == 0 && length == 0)
        length = v.length;
    if (!userfault_knows_modes(m->a) || length == 0 || (offset | length) % page != 0)
        rc = EINVAL;
    else if (offset > v.length || length > v.length - offset)
        rc = EINVAL;
    else
        rc = userfault_set_modes(v.uffd, v.address + offset, length, m->a);
    backend_unpin();
    return rc;
}

static int set_hold(struct channel *c, const struct shim_message *m, struct shim_message *done)
{
    int rc;

    if (m->arg > 1)
        return channel_fail(c, EPROTO, "HOLD with arg %u", m->arg);
    if (m->arg == 0) {
        rc = channel_reply(c, done); /* before the release, or the process may be gone before its answer */
        pthread_mutex_lock(&hold.lock);
        hold.held = false;
        pthread_cond_broadcast(&hold.changed);
        pthread_mutex_unlock(&hold.lock);
        return rc;
    }
    pthread_mutex_lock(&hold.lock);
    if (hold.too_late)
        done->arg = ESHUTDOWN;
    else
        hold.held = true;
    pthread_mutex_unlock(&hold.lock);
    return channel_reply(c, done);
}

/* Returns 0 or, if the connection is of no more use, a negative errno. */
static int serve_request(struct channel *c)
{
    struct shim_message m, done = {.magic = SHIM_MAGIC, .version = SHIM_VERSION, .type = SHIM_DONE};
    int rc = channel_next_request(c, &m);

    if (rc != 0)
        return rc;
    done.seq = m.seq;
    switch (m.type) {
    case SHIM_ZAP:
        return zap(c, &m, &done);
    case SHIM_MODES:
        done.arg = (uint32_t)set_modes(&m);
        return channel_reply(c, &done);
    case SHIM_DISCARDS:
        done.arg = (uint32_t)discard_set_rule(m.arg);
        return channel_reply(c, &done);
    case SHIM_HOLD:
        return set_hold(c, &m, &done);
    default:
        return channel_fail(c, EPROTO, "unknown request type %u", m.type);
    }
}

/* The list is made after the connection: a backend attached to an earlier daemon is in it, see attach_lock. */
static int announce(struct channel *c)
{
    static struct backend_view views[SHIM_MAX_BACKENDS]; /* of the service thread alone */
    size_t count;
    int rc;

    discard_settle();
    backend_freeze();
    rc = channel_open(c, shim_config.socket, shim_config.timeout_ms);
    count = backend_list(views, SHIM_MAX_BACKENDS);
    backend_thaw();
    if (rc == 0)
        rc = channel_hello(c, SHIM_ROLE_SERVICE, count, shim_config.vm);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct shim_message m = {
            .type = SHIM_MAPPED, .arg = views[i].index, .a = views[i].address, .b = views[i].length};
        rc = channel_call(c, &m, views[i].uffd, SHIM_MAPPED_OK, NULL);
    }
    return rc;
}

static int64_t monotonic_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return now.tv_sec;
}

static void *serve(void *unused)
{
    struct timespec pause = {.tv_nsec = RECONNECT_NS};
    struct channel c;
    bool quiet = false;

    (void)unused;
    for (;;) {
        int rc = announce(&c);
        int64_t since = monotonic_seconds();

        while (rc == 0)
            rc = serve_request(&c);
        if (monotonic_seconds() - since >= QUIET_AFTER_LOSS_S)
            quiet = false;
        if (!quiet)
            shim_log("service of VM %s: %s; trying again until splitmemd is back", shim_config.vm, c.error);
        quiet = true;
        channel_close(&c);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* Called under the attach lock. */
int service_start(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    int rc;

    if (atomic_load(&service_pid) == getpid())
        return 0;
    rc = pthread_attr_init(&attributes);
    if (rc != 0)
        return -rc;
    sigfillset(&all);
    rc = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (rc == 0)
        rc = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (rc == 0)
        rc = pthread_sigmask(SIG_SETMASK, &all, &before); /* QEMU's signals belong to QEMU's threads */
    if (rc != 0)
        goto out;
    rc = pthread_create(&thread, &attributes, serve, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0) {
        atomic_store(&service_pid, getpid());
        pthread_setname_np(thread, "splitmem-shim");
    }
out:
    pthread_attr_destroy(&attributes);
    return -rc;
}

/*
 * Runs when QEMU's main returns or calls exit(); RAM is still mapped then, and the service thread goes on. After
 * _exit() or a deadly signal there is nothing to hold: the daemon must then take every page as written.
 */
__attribute__((destructor)) static void hold_exit(void)
{
    struct timespec deadline;
    int rc = 0;

    if (atomic_load(&service_pid) != getpid())
        return; /* inert, or a forked child: its copy of the lock may be taken for ever */
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += shim_config.exit_hold_ms / 1000;
    deadline.tv_nsec += shim_config.exit_hold_ms % 1000 * 1000000L;
    if (deadline.tv_nsec >= 1000000000L) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&hold.lock);
    while (hold.held && rc != ETIMEDOUT)
        rc = pthread_cond_clockwait(&hold.changed, &hold.lock, CLOCK_MONOTONIC, &deadline);
    if (hold.held)
        shim_log("VM %s exits: splitmemd did not release it within %d ms", shim_config.vm, shim_config.exit_hold_ms);
    hold.too_late = true;
    pthread_mutex_unlock(&hold.lock);
}
