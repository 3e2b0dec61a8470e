#include "channel.h"
#include "shim.h"

#include <errno.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/*
 * Memory that the guest gives back: free page reporting and the balloon. QEMU discards a range by fallocate(PUNCH_HOLE)
 * on the file and madvise(MADV_DONTNEED) on its mapping, in its main thread, and reports completion to the guest right
 * after. Both are advice, but for post-copy, whose discards come before the guest runs: these are refused.
 *
 * Only QEMU's own thread ever frees: when it has returned, nothing that the guest writes from then on can be taken away
 * by a request that was slow on its way.
 */

typedef int (*fallocate_function)(int, int, off_t, off_t);

/* A daemon that does not answer costs QEMU's main thread one time-out in so many seconds. */
enum { AGAIN_AFTER_S = 5 };

/* Threads that wait for discard_lock to change the rule. The daemon is not asked meanwhile: a balloon could starve them. */
static atomic_int rule_waiters;

/* Held by QEMU's thread through each discard, and by the service thread while it changes what becomes of discards. */
static pthread_mutex_t discard_lock = PTHREAD_MUTEX_INITIALIZER;

/* Guarded by discard_lock. */
static struct {
    enum shim_discards rule;
    bool known;              /* the first MAPPED_OK has set it; later ones may be older than what the service was told */
    struct channel channel;  /* to the daemon, while `connected` */
    bool connected;
    bool quiet;              /* that the daemon cannot be asked is logged */
    int64_t not_before_s;    /* until then it is not asked again */
} state;

static int64_t monotonic_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return now.tv_sec;
}

static void disconnect(void)
{
    if (state.connected)
        channel_close(&state.channel);
    state.connected = false;
}

/* Waits for a discard under way. */
static void lock_rule(void)
{
    atomic_fetch_add(&rule_waiters, 1);
    pthread_mutex_lock(&discard_lock);
    atomic_fetch_sub(&rule_waiters, 1);
}

static bool is_rule(uint64_t rule)
{
    return rule <= SHIM_DISCARDS_ASKED;
}

static void set_rule(enum shim_discards rule)
{
    disconnect(); /* a thread of the daemon serves it; another daemon may listen by now */
    state.rule = rule;
    state.known = true;
    state.not_before_s = 0;
}

int discard_attached(uint64_t rule)
{
    if (!is_rule(rule))
        return EPROTO;
    lock_rule();
    if (!state.known)
        set_rule((enum shim_discards)rule);
    pthread_mutex_unlock(&discard_lock);
    return 0;
}

int discard_set_rule(uint64_t rule)
{
    if (!is_rule(rule))
        return EINVAL;
    lock_rule();
    set_rule((enum shim_discards)rule);
    pthread_mutex_unlock(&discard_lock);
    return 0;
}

void discard_settle(void)
{
    lock_rule();
    disconnect();
    state.not_before_s = 0;
    pthread_mutex_unlock(&discard_lock);
}

static int connect_to_daemon(void)
{
    struct channel *c = &state.channel;
    int rc;

    if (state.connected)
        return 0;
    rc = channel_open(c, shim_config.socket, shim_config.discard_timeout_ms);
    if (rc != 0)
        return rc;
    state.connected = true;
    return channel_hello(c, SHIM_ROLE_DISCARD, 0, shim_config.vm);
}

/* Takes the ranges that the daemon has claimed for us; each must lie within what we asked for. */
static int take_claimed(const struct shim_message *asked, const struct shim_message *claimed, struct shim_range *ranges)
{
    struct channel *c = &state.channel;
    int rc;

    if (claimed->b > SHIM_MAX_DISCARD_PAGES || claimed->b > claimed->a)
        return channel_fail(c, EPROTO, "splitmemd claims %llu ranges of %llu pages",
            (unsigned long long)claimed->b, (unsigned long long)claimed->a);
    if (claimed->b == 0)
        return 0;
    rc = channel_receive_body(c, ranges, claimed->b * sizeof ranges[0]);
    for (uint64_t i = 0; rc == 0 && i < claimed->b; i++) {
        const struct shim_range *r = &ranges[i];
        if (r->length == 0 || (r->offset | r->length) % (uint64_t)sysconf(_SC_PAGESIZE) != 0 || r->offset < asked->a
            || r->offset - asked->a > asked->b || r->length > asked->b - (r->offset - asked->a))
            rc = channel_fail(c, EPROTO, "splitmemd claims a range that was not asked for");
    }
    return rc;
}

static int punch(fallocate_function call, int fd, const struct shim_range *ranges, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (call(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)ranges[i].offset, (off_t)ranges[i].length) != 0)
            return errno;
    return 0;
}

/*
 * The daemon claims pages for us: faults on them wait. We free those that are here, and say so; then it settles them. If
 * we cannot say so it finds out from the file. Returns 0 or a negative errno; the channel is of no more use then.
 */
static int give_back(uint32_t backend, fallocate_function call, int fd, uint64_t offset, uint64_t length)
{
    static struct shim_range ranges[SHIM_MAX_DISCARD_PAGES]; /* guarded by discard_lock; too big for some stacks */
    const struct shim_message asked = {.type = SHIM_DISCARD, .arg = backend, .a = offset, .b = length};
    struct shim_message m = asked;
    int rc = connect_to_daemon();

    if (rc == 0)
        rc = channel_call(&state.channel, &m, -1, SHIM_CLAIMED, NULL);
    if (rc == 0)
        rc = take_claimed(&asked, &m, ranges);
    if (rc != 0 || m.a == 0)
        return rc;
    m = (struct shim_message){.type = SHIM_DISCARDED, .arg = (uint32_t)punch(call, fd, ranges, m.b)};
    return channel_call(&state.channel, &m, -1, SHIM_DONE, NULL);
}

/* What the daemon does not claim keeps its content: it was advice. */
static void ask(uint32_t backend, fallocate_function call, int fd, uint64_t offset, uint64_t length)
{
    const uint64_t most = (uint64_t)SHIM_MAX_DISCARD_PAGES * (uint64_t)sysconf(_SC_PAGESIZE);

    while (length > 0 && atomic_load(&rule_waiters) == 0 && monotonic_seconds() >= state.not_before_s) {
        uint64_t part = length < most ? length : most;

        if (give_back(backend, call, fd, offset, part) == 0) {
            state.quiet = false;
        } else {
            if (!state.quiet)
                shim_log("VM %s: memory that the guest gives back is kept until splitmemd can be asked: %s",
                    shim_config.vm, state.channel.error);
            state.quiet = true;
            state.not_before_s = monotonic_seconds() + AGAIN_AFTER_S;
            disconnect();
        }
        offset += part;
        length -= part;
    }
}

static int check_range(const struct backend_view *v, off_t offset, off_t length)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (offset < 0 || length <= 0 || ((uint64_t)offset | (uint64_t)length) % page != 0)
        return EINVAL;
    if ((uint64_t)offset > v->length || (uint64_t)length > v->length - (uint64_t)offset)
        return EINVAL;
    return 0;
}

/* Returns 0, or -1 and an errno in *err. */
static int discard_by_rule(
    const struct backend *b, fallocate_function call, int fd, int mode, off_t offset, off_t length, int *err)
{
    struct backend_view view;

    if (state.rule == SHIM_DISCARDS_REFUSED || !backend_view_of(b, &view)) {
        *err = EOPNOTSUPP;
        return -1;
    }
    *err = check_range(&view, offset, length);
    if (*err != 0)
        return -1;
    if (state.rule == SHIM_DISCARDS_IGNORED)
        return 0;
    if (state.rule == SHIM_DISCARDS_ASKED) {
        ask(view.index, call, fd, (uint64_t)offset, (uint64_t)length);
        return 0;
    }
    if (call(fd, mode, offset, length) == 0)
        return 0;
    *err = errno;
    return -1;
}

int discard_file(const struct backend *b, fallocate_function call, int fd, int mode, off_t offset, off_t length)
{
    int before = errno, err = 0, rc;

    pthread_mutex_lock(&discard_lock);
    rc = discard_by_rule(b, call, fd, mode, offset, length, &err);
    pthread_mutex_unlock(&discard_lock);
    errno = rc == 0 ? before : err;
    return rc;
}

/*
 * On a shared file this drops nothing but QEMU's page-table entries, so leaving them changes nothing that QEMU could see.
 * While writes are tracked they must stay: since Linux 6.14 an emptied page of the page table is freed, and with it the
 * knowledge of what was written. Pages that were freed have none anyway.
 */
int discard_mapping(int (*call)(void *, size_t, int), void *address, size_t length, int advice)
{
    int rc = 0;

    pthread_mutex_lock(&discard_lock);
    if (state.rule == SHIM_DISCARDS_KERNEL) {
        rc = call(address, length, advice);
    } else if (advice != MADV_DONTNEED) { /* MADV_REMOVE, which QEMU uses for memory without a file only */
        errno = EOPNOTSUPP;
        rc = -1;
    }
    pthread_mutex_unlock(&discard_lock);
    return rc;
}
