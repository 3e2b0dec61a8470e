/* The service connection: ZAP, MODES, and what happens when the daemon goes away or talks nonsense. */
#include "fake_daemon.h"
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One backend of this many pages, all present, registered and served. */
struct served {
    struct daemon d;
    struct qemu q;
    struct ram r;
    int service;
};

enum { PAGES = 16 };

static struct served serve(uint64_t modes, int timeout_ms)
{
    struct served s = {.d = daemon_start()};
    struct qemu_options options = led_to(&s.d);

    options.timeout_ms = timeout_ms;
    s.q = qemu_start(options);
    s.r = attach(&s.d, &s.q, PAGES, modes);
    s.service = accept_service(&s.d, &s.q, &s.r, 1);
    return s;
}

/* The guest's next access to the page is a MINOR fault: the page is there, QEMU's page table does not have it. */
static void expect_minor(struct served *s, uint64_t page, int value)
{
    uint64_t offset;

    qemu_send(&s->q, "read %d %llu", s->r.slot, (unsigned long long)(page * PAGE));
    CHECK_EQUAL(UFFD_PAGEFAULT_FLAG_MINOR, next_fault(&s->r, &offset));
    CHECK_EQUAL(page * PAGE, offset);
    continue_page(&s->r, offset);
    CHECK_EQUAL(value, qemu_answer(&s->q).result);
}

static void expect_no_fault(struct served *s, uint64_t page, int value)
{
    CHECK_EQUAL(value, qemu_must(&s->q, "read %d %llu", s->r.slot, (unsigned long long)(page * PAGE)));
    CHECK(!has_fault(&s->r));
}

static void zap_takes_exactly_its_ranges(void)
{
    struct served s = serve(MISSING | MINOR, 0);
    const struct shim_range ranges[] = {{1 * PAGE, PAGE}, {4 * PAGE, 2 * PAGE}, {(PAGES - 1) * PAGE, PAGE}};

    for (int page = 0; page < PAGES; page++)
        copy_page(&s.r, (uint64_t)page * PAGE, 100 + page);
    CHECK_EQUAL(0, zap(s.service, 0, 3, ranges).arg);
    for (int page = 0; page < PAGES; page++) {
        if (page == 1 || page == 4 || page == 5 || page == PAGES - 1)
            expect_minor(&s, (uint64_t)page, 100 + page);
        else
            expect_no_fault(&s, (uint64_t)page, 100 + page);
    }
    daemon_stop(&s.d);
}

static void zap_of_1024_ranges(void)
{
    struct served s = serve(MISSING | MINOR, 0);
    struct shim_range ranges[SHIM_MAX_ZAP_RANGES];

    for (int page = 0; page < PAGES; page++)
        copy_page(&s.r, (uint64_t)page * PAGE, 7);
    for (int i = 0; i < SHIM_MAX_ZAP_RANGES; i++)
        ranges[i] = (struct shim_range){(uint64_t)(i % PAGES) * PAGE, PAGE};
    CHECK_EQUAL(0, zap(s.service, 0, SHIM_MAX_ZAP_RANGES, ranges).arg);
    expect_minor(&s, PAGES - 1, 7);
    daemon_stop(&s.d);
}

static void bad_zaps_change_nothing(void)
{
    struct served s = serve(MISSING | MINOR, 0);
    const struct shim_range bad[] = {
        {PAGE + 1, PAGE}, {0, PAGE + 1}, {0, 0}, {PAGES * PAGE, PAGE}, {0, (PAGES + 1) * PAGE},
        {UINT64_MAX - PAGE + 1, PAGE}, {PAGE, UINT64_MAX - PAGE + 1}, {UINT64_MAX - PAGE + 1, UINT64_MAX - PAGE + 1},
    };

    for (int page = 0; page < PAGES; page++)
        copy_page(&s.r, (uint64_t)page * PAGE, 7);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct shim_range ranges[] = {{0, PAGES * PAGE}, bad[i], {0, PAGE}};
        struct shim_message done = zap(s.service, 0, 3, ranges);
        CHECK_EQUAL(EINVAL, done.arg);
        CHECK_EQUAL(1, done.a);
    }
    CHECK_EQUAL(EINVAL, zap_range(s.service, 1, 0, PAGE));
    CHECK_EQUAL(EINVAL, zap_range(s.service, UINT32_MAX, 0, PAGE));
    for (uint64_t page = 0; page < PAGES; page++)
        expect_no_fault(&s, page, 7);
    daemon_stop(&s.d);
}

static void modes_off_and_on(void)
{
    struct served s = serve(MISSING | MINOR, 0);
    uint64_t offset;

    CHECK_EQUAL(0, set_modes(s.service, 0, 0, 0, 0));
    expect_no_fault(&s, 0, 0);
    CHECK_EQUAL(0, set_modes(s.service, 0, MISSING | MINOR, 0, 0));
    qemu_send(&s.q, "read %d %d", s.r.slot, PAGE);
    CHECK_EQUAL(0, next_fault(&s.r, &offset));
    copy_page(&s.r, offset, 9);
    CHECK_EQUAL(9, qemu_answer(&s.q).result);
    CHECK_EQUAL(0, zap_range(s.service, 0, 0, PAGES * PAGE));
    expect_minor(&s, 0, 0);
    CHECK_EQUAL(0, set_modes(s.service, 0, 0, 0, 0));
    CHECK_EQUAL(0, set_modes(s.service, 0, 0, 0, 0));
    expect_no_fault(&s, 1, 9);
    daemon_stop(&s.d);
}

static void modes_of_a_part(void)
{
    struct served s = serve(MISSING | MINOR, 0);
    uint64_t offset;

    CHECK_EQUAL(0, set_modes(s.service, 0, 0, 4 * PAGE, 8 * PAGE));
    expect_no_fault(&s, 4, 0);
    expect_no_fault(&s, 11, 0);
    for (int page = 3; page <= 12; page += 9) {
        qemu_send(&s.q, "read %d %d", s.r.slot, page * PAGE);
        CHECK_EQUAL(0, next_fault(&s.r, &offset));
        CHECK_EQUAL(page * PAGE, offset);
        copy_page(&s.r, offset, page);
        CHECK_EQUAL(page, qemu_answer(&s.q).result);
    }
    daemon_stop(&s.d);
}

/* What shim_protocol.h says of MODES; if a kernel ever changes it, this tells. */
static void modes_are_added_and_exchanged_but_not_taken_off(void)
{
    struct served s = serve(MISSING, 0);

    copy_page(&s.r, 0, 1);
    CHECK_EQUAL(0, zap_range(s.service, 0, 0, PAGE));
    expect_no_fault(&s, 0, 1);
    CHECK_EQUAL(0, set_modes(s.service, 0, MISSING | MINOR, 0, 0));
    CHECK_EQUAL(0, zap_range(s.service, 0, 0, PAGE));
    expect_minor(&s, 0, 1);
    CHECK_EQUAL(0, set_modes(s.service, 0, MISSING, 0, 0)); /* a part of what is registered: no effect */
    CHECK_EQUAL(0, zap_range(s.service, 0, 0, PAGE));
    expect_minor(&s, 0, 1);
    CHECK_EQUAL(0, set_modes(s.service, 0, MISSING | WP, 0, 0)); /* with one mode more: replaced */
    CHECK_EQUAL(0, zap_range(s.service, 0, 0, PAGE));
    expect_no_fault(&s, 0, 1);
    daemon_stop(&s.d);
}

static void bad_modes_change_nothing(void)
{
    struct served s = serve(MISSING, 0);
    uint64_t offset;

    CHECK_EQUAL(EINVAL, set_modes(s.service, 0, 8, 0, 0));
    CHECK_EQUAL(EINVAL, set_modes(s.service, 0, 1ULL << 40 | MISSING, 0, 0));
    CHECK_EQUAL(EINVAL, set_modes(s.service, 0, 0, 1, PAGE));
    CHECK_EQUAL(EINVAL, set_modes(s.service, 0, 0, 0, PAGE + 1));
    CHECK_EQUAL(EINVAL, set_modes(s.service, 0, 0, PAGE, 0));
    CHECK_EQUAL(EINVAL, set_modes(s.service, 0, 0, PAGE, PAGES * PAGE));
    CHECK_EQUAL(EINVAL, set_modes(s.service, 0, 0, UINT64_MAX - PAGE + 1, 2 * PAGE));
    CHECK_EQUAL(EINVAL, set_modes(s.service, 1, 0, 0, 0));
    qemu_send(&s.q, "read %d 0", s.r.slot);
    CHECK_EQUAL(0, next_fault(&s.r, &offset));
    copy_page(&s.r, offset, 3);
    CHECK_EQUAL(3, qemu_answer(&s.q).result);
    daemon_stop(&s.d);
}

static void unregistering_frees_a_waiting_guest(void)
{
    struct served s = serve(MINOR, 0);
    uint64_t offset;

    write_file(&s.r, 2 * PAGE, 8);
    qemu_send(&s.q, "read %d %d", s.r.slot, 2 * PAGE);
    CHECK_EQUAL(UFFD_PAGEFAULT_FLAG_MINOR, next_fault(&s.r, &offset));
    CHECK_EQUAL(0, set_modes(s.service, 0, 0, 0, 0));
    CHECK_EQUAL(8, qemu_answer(&s.q).result);
    daemon_stop(&s.d);
}

static void a_pending_fault_survives_the_daemon(void)
{
    struct served s = serve(MISSING | MINOR, 0);
    uint64_t offset;

    qemu_send(&s.q, "read %d %d", s.r.slot, 6 * PAGE);
    CHECK_EQUAL(0, next_fault(&s.r, &offset)); /* read from the old descriptor: nobody will be told of it again */
    close(s.r.uffd);
    s.r.uffd = -1;
    close(s.service);

    s.service = accept_service(&s.d, &s.q, &s.r, 1);
    CHECK(!qemu_has_answer(&s.q));
    wake_all(&s.r);
    CHECK_EQUAL(0, next_fault(&s.r, &offset));
    CHECK_EQUAL(6 * PAGE, offset);
    copy_page(&s.r, offset, 66);
    CHECK_EQUAL(66, qemu_answer(&s.q).result);
    CHECK_EQUAL(0, zap_range(s.service, 0, offset, PAGE));
    expect_minor(&s, 6, 66);
    CHECK_EQUAL(1, qemu_log_count(&s.q, "splitmemd closed the connection; trying again until splitmemd is back\n"));
    daemon_stop(&s.d);
}

static void every_backend_is_announced_again(void)
{
    struct served s = serve(MISSING, 0);
    struct ram r[2] = {s.r, attach(&s.d, &s.q, 4, MISSING)};

    CHECK_EQUAL(0, zap_range(s.service, 1, 0, PAGE));
    for (int i = 0; i < 3; i++) {
        close(s.service);
        s.service = accept_service(&s.d, &s.q, r, 2);
        CHECK_EQUAL(0, zap_range(s.service, 1, 0, PAGE));
    }
    daemon_stop(&s.d);
}

static void a_refused_service_is_tried_again(void)
{
    struct served s = serve(MISSING, STALL_MS);
    struct shim_message m;

    close(s.service);
    for (int i = 0; i < 4; i++) {
        int connection = daemon_accept(&s.d, SHIM_ROLE_SERVICE, &m);
        m = reply_to(&m, i == 0 ? SHIM_ERROR : SHIM_WELCOME);
        if (i != 1) /* 1: stalls */
            give(connection, &m, -1, -1);
        if (i == 2)
            shutdown(connection, SHUT_RDWR);
        CHECK(i == 2 || i == 3 || is_closed(connection)); /* 3: stalls at MAPPED */
        if (i == 3) {
            take(connection, SHIM_MAPPED, NULL);
            CHECK(is_closed(connection));
        }
        close(connection);
    }
    s.service = accept_service(&s.d, &s.q, &s.r, 1);
    CHECK_EQUAL(0, zap_range(s.service, 0, 0, PAGE));
    CHECK_EQUAL(1, qemu_log_count(&s.q, "splitmem-shim: ")); /* not a line a try */
    daemon_stop(&s.d);
}

static void an_idle_connection_lasts(void)
{
    struct served s = serve(MISSING, STALL_MS);
    long long until = now_ms() + 2 * STALL_MS;

    AWAIT(now_ms() > until);
    CHECK_EQUAL(0, zap_range(s.service, 0, 0, PAGE));
    CHECK_EQUAL(0, qemu_log_count(&s.q, "splitmem-shim: "));
    daemon_stop(&s.d);
}

/* Sends the bytes as a request; the shim drops the connection and comes back, and QEMU does not notice. */
static void expect_dropped(struct served *s, const void *bytes, size_t length, bool then_close)
{
    CHECK_EQUAL(length, send(s->service, bytes, length, MSG_NOSIGNAL));
    if (then_close)
        shutdown(s->service, SHUT_WR);
    CHECK(is_closed(s->service));
    close(s->service);
    s->service = accept_service(&s->d, &s->q, &s->r, 1);
    expect_no_fault(s, 0, 7);
    CHECK_EQUAL(0, zap_range(s->service, 0, 0, PAGE));
    expect_minor(s, 0, 7);
}

static void garbage_costs_the_connection_only(void)
{
    struct served s = serve(MISSING | MINOR, STALL_MS);
    struct shim_message good = {.magic = SHIM_MAGIC, .version = SHIM_VERSION, .type = SHIM_HOLD, .seq = 5}, m;
    unsigned char noise[1000];

    copy_page(&s.r, 0, 7);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)(i * 197 + 13);
    expect_dropped(&s, noise, sizeof noise, false);
    expect_dropped(&s, noise, 3, false); /* times out in the middle of the message */
    expect_dropped(&s, &good, 255, true);
    m = good, m.magic = 0;
    expect_dropped(&s, &m, sizeof m, false);
    m = good, m.version = 0;
    expect_dropped(&s, &m, sizeof m, false);
    for (int type = 0; type < 20; type++) {
        m = good, m.type = (uint16_t)type;
        if (type != SHIM_ZAP && type != SHIM_MODES && type != SHIM_HOLD && type != SHIM_DISCARDS)
            expect_dropped(&s, &m, sizeof m, false);
    }
    m = good, m.arg = 2;
    expect_dropped(&s, &m, sizeof m, false);
    m = good, m.type = SHIM_ZAP;
    expect_dropped(&s, &m, sizeof m, false);
    m.b = SHIM_MAX_ZAP_RANGES + 1;
    expect_dropped(&s, &m, sizeof m, false);
    m.b = UINT64_MAX;
    expect_dropped(&s, &m, sizeof m, false);
    m.b = 1; /* the body does not come */
    expect_dropped(&s, &m, sizeof m, false);
    expect_dropped(&s, &m, sizeof m, true);
    daemon_stop(&s.d);
}

static void stray_descriptors_are_closed(void)
{
    struct served s = serve(MISSING, 0);
    struct shim_message m = {.magic = SHIM_MAGIC, .version = SHIM_VERSION, .type = SHIM_MODES, .seq = 5};

    give(s.service, &m, s.r.file, s.r.file);
    CHECK_EQUAL(0, take(s.service, SHIM_DONE, NULL).arg);
    CHECK_EQUAL(1, qemu_must(&s.q, "ram-files"));
    daemon_stop(&s.d);
}

static void unplugged_memory_is_out_of_reach(void)
{
    struct served s = serve(MISSING, 0);
    struct ram second = attach(&s.d, &s.q, 4, MISSING);

    qemu_must(&s.q, "unmap %d", second.slot);
    CHECK_EQUAL(ENXIO, zap_range(s.service, 1, 0, PAGE));
    CHECK_EQUAL(ENXIO, set_modes(s.service, 1, MISSING, 0, 0));
    CHECK_EQUAL(0, zap_range(s.service, 0, 0, PAGE));
    close(s.service);
    s.service = accept_service(&s.d, &s.q, &s.r, 1);
    CHECK_EQUAL(ENXIO, zap_range(s.service, 1, 0, PAGE));
    daemon_stop(&s.d);
}

const struct test_case service_cases[] = {
    {"ZAP drops exactly its ranges from QEMU's page table and keeps the pages", zap_takes_exactly_its_ranges, true},
    {"ZAP takes 1024 ranges", zap_of_1024_ranges, true},
    {"ZAP with a bad range or backend is refused and zaps nothing", bad_zaps_change_nothing, true},
    {"MODES 0 lets the kernel fill holes, and back", modes_off_and_on, true},
    {"MODES of a part leaves the rest", modes_of_a_part, true},
    {"MODES adds and exchanges modes, but a part of them changes nothing",
        modes_are_added_and_exchanged_but_not_taken_off, true},
    {"MODES with bad arguments is refused and changes nothing", bad_modes_change_nothing, true},
    {"MODES 0 frees a guest that waits for a MINOR fault", unregistering_frees_a_waiting_guest, true},
    {"after a restart of the daemon a pending fault is resolved through the new userfaultfd",
        a_pending_fault_survives_the_daemon, true},
    {"after a restart of the daemon every backend is announced", every_backend_is_announced_again, true},
    {"a service connection that is refused or stalls is tried again, with one line of log",
        a_refused_service_is_tried_again, true},
    {"an idle service connection does not time out", an_idle_connection_lasts, true},
    {"garbage and truncated messages cost the service connection, and QEMU nothing",
        garbage_costs_the_connection_only, true},
    {"descriptors that come with a request are closed", stray_descriptors_are_closed, true},
    {"a backend that QEMU has unmapped is out of reach", unplugged_memory_is_out_of_reach, true},
    {0},
};
