/* Memory that the guest gives back: QEMU discards it, and the daemon's rule says what becomes of that. */
#include "fake_daemon.h"
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGES = 16 };

/* One backend whose pages all contain their number + 100. */
struct given {
    struct daemon d;
    struct qemu q;
    struct ram r;
    int service;
};

static struct given given(uint64_t pages, uint64_t modes, int timeout_ms, enum shim_discards rule)
{
    struct given g = {.d = daemon_start()};
    struct qemu_options options = led_to(&g.d);
    int connection;

    options.discard_timeout_ms = timeout_ms;
    g.q = qemu_start(options);
    g.r = open_backend(&g.d, &g.q, pages * PAGE, &connection);
    map_backend_with_rule(&g.q, &g.r, connection, pages, modes, rule);
    g.service = accept_service(&g.d, &g.q, &g.r, 1);
    for (uint64_t page = 0; page < pages; page++)
        write_file(&g.r, page * PAGE, (int)(page % 100 + 100));
    return g;
}

/* As QEMU does it; both calls report success. */
static void discard(struct given *g, uint64_t page, uint64_t count)
{
    qemu_must(&g->q, "punch %d %llu %llu", g->r.qemu_fd, (unsigned long long)(page * PAGE),
        (unsigned long long)(count * PAGE));
    qemu_must(&g->q, "drop %d %llu %llu", g->r.slot, (unsigned long long)(page * PAGE),
        (unsigned long long)(count * PAGE));
}

static int first_byte(const struct given *g, uint64_t page)
{
    unsigned char byte;

    CHECK_EQUAL(1, pread(g->r.file, &byte, 1, (off_t)(page * PAGE)));
    return byte;
}

static bool is_hole(const struct given *g, uint64_t page)
{
    return lseek(g->r.file, (off_t)(page * PAGE), SEEK_HOLE) == (off_t)(page * PAGE);
}

static void expect_kept(const struct given *g, uint64_t pages)
{
    for (uint64_t page = 0; page < pages; page++)
        CHECK_EQUAL(page % 100 + 100, first_byte(g, page));
}

static void the_kernel_frees(void)
{
    struct given g = given(PAGES, 0, 0, SHIM_DISCARDS_KERNEL);

    discard(&g, 3, 2);
    CHECK(is_hole(&g, 3) && is_hole(&g, 4));
    CHECK_EQUAL(102, first_byte(&g, 2));
    CHECK_EQUAL(105, first_byte(&g, 5));
    CHECK_EQUAL(0, qemu_must(&g.q, "read %d %d", g.r.slot, 3 * PAGE));
    daemon_stop(&g.d);
}

static void the_kernel_frees_without_a_daemon(void)
{
    struct given g = given(PAGES, 0, 0, SHIM_DISCARDS_KERNEL);

    close(g.service);
    daemon_stop(&g.d);
    discard(&g, 0, 1);
    CHECK(is_hole(&g, 0));
}

static void refused(void)
{
    struct given g = given(PAGES, 0, 0, SHIM_DISCARDS_REFUSED);

    CHECK_EQUAL(EOPNOTSUPP, qemu_do(&g.q, "punch %d 0 %d", g.r.qemu_fd, PAGES * PAGE).error);
    CHECK_EQUAL(EOPNOTSUPP, qemu_do(&g.q, "remove %d 0 %d", g.r.slot, PAGES * PAGE).error);
    expect_kept(&g, PAGES);
    CHECK_EQUAL(0, set_discards(g.service, SHIM_DISCARDS_KERNEL));
    discard(&g, 0, 1);
    CHECK(is_hole(&g, 0));
    CHECK_EQUAL(0, set_discards(g.service, SHIM_DISCARDS_REFUSED));
    CHECK_EQUAL(EOPNOTSUPP, qemu_do(&g.q, "punch %d 0 %d", g.r.qemu_fd, PAGES * PAGE).error);
    daemon_stop(&g.d);
}

static void bad_ranges(void)
{
    for (enum shim_discards rule = SHIM_DISCARDS_KERNEL; rule <= SHIM_DISCARDS_ASKED; rule++) {
        struct given g = given(PAGES, 0, 0, rule);

        CHECK_EQUAL(EINVAL, qemu_do(&g.q, "punch %d 1 %d", g.r.qemu_fd, PAGE).error);
        CHECK_EQUAL(EINVAL, qemu_do(&g.q, "punch %d 0 %d", g.r.qemu_fd, PAGE + 1).error);
        CHECK_EQUAL(EINVAL, qemu_do(&g.q, "punch %d 0 0", g.r.qemu_fd).error);
        CHECK_EQUAL(EINVAL, qemu_do(&g.q, "punch %d 0 %d", g.r.qemu_fd, (PAGES + 1) * PAGE).error);
        CHECK_EQUAL(EINVAL, qemu_do(&g.q, "punch %d %d %d", g.r.qemu_fd, -PAGE, PAGE).error);
        expect_kept(&g, PAGES);
        daemon_stop(&g.d);
    }
}

/* QEMU's page table keeps what it has, too: with it would go the knowledge of what was written. */
static void ignored(void)
{
    struct given g = given(PAGES, MINOR, 0, SHIM_DISCARDS_IGNORED);
    uint64_t offset;

    for (int page = 0; page < PAGES; page++) {
        qemu_send(&g.q, "read %d %d", g.r.slot, page * PAGE);
        next_fault(&g.r, &offset);
        continue_page(&g.r, offset);
        qemu_answer(&g.q);
    }
    discard(&g, 0, PAGES);
    CHECK_EQUAL(105, qemu_must(&g.q, "read %d %d", g.r.slot, 5 * PAGE));
    CHECK(!has_fault(&g.r));
    expect_kept(&g, PAGES);
    CHECK_EQUAL(0, zap_range(g.service, 0, 5 * PAGE, PAGE)); /* the daemon's own goes through */
    qemu_send(&g.q, "read %d %d", g.r.slot, 5 * PAGE);
    CHECK_EQUAL(UFFD_PAGEFAULT_FLAG_MINOR, next_fault(&g.r, &offset));
    CHECK_EQUAL(0, qemu_log_count(&g.q, "\n"));
    daemon_stop(&g.d);
}

static void unknown_rules(void)
{
    struct given g = given(PAGES, 0, 0, SHIM_DISCARDS_IGNORED);

    CHECK_EQUAL(EINVAL, set_discards(g.service, 4));
    CHECK_EQUAL(EINVAL, set_discards(g.service, UINT32_MAX));
    discard(&g, 0, PAGES);
    expect_kept(&g, PAGES);
    daemon_stop(&g.d);
}

/* A backend that is attached late brings what its daemon thought when it began. */
static void the_first_backend_sets_the_rule(void)
{
    struct given g = given(PAGES, 0, 0, SHIM_DISCARDS_KERNEL);
    struct ram second;
    int connection;

    CHECK_EQUAL(0, set_discards(g.service, SHIM_DISCARDS_IGNORED));
    second = open_backend(&g.d, &g.q, 4 * PAGE, &connection);
    map_backend_with_rule(&g.q, &second, connection, 4, 0, SHIM_DISCARDS_KERNEL);
    discard(&g, 0, PAGES);
    expect_kept(&g, PAGES);
    daemon_stop(&g.d);
}

/* ---- the daemon is asked */

static int accept_discards(struct given *g)
{
    struct shim_message m;
    int connection = daemon_accept(&g->d, SHIM_ROLE_DISCARD, &m);

    CHECK_EQUAL(g->q.pid, m.a);
    acknowledge(connection, &m, SHIM_WELCOME);
    return connection;
}

static void claim(int connection, const struct shim_message *asked, uint64_t pages, uint64_t count,
    const struct shim_range *ranges)
{
    struct shim_message m = reply_to(asked, SHIM_CLAIMED);

    m.a = pages;
    m.b = count;
    give(connection, &m, -1, -1);
    if (count > 0)
        CHECK_EQUAL(count * sizeof *ranges, send(connection, ranges, count * sizeof *ranges, MSG_NOSIGNAL));
}

/* QEMU begins to discard all of it; the daemon is asked, and owes the answer. */
static int asked_for_all(struct given *g, struct shim_message *asked)
{
    int connection;

    qemu_send(&g->q, "punch %d 0 %llu", g->r.qemu_fd, (unsigned long long)g->r.length);
    connection = accept_discards(g);
    *asked = take(connection, SHIM_DISCARD, NULL);
    CHECK_EQUAL(0, asked->arg);
    CHECK_EQUAL(0, asked->a);
    return connection;
}

static void what_the_daemon_claims_is_freed(void)
{
    struct given g = given(PAGES, 0, LIMIT_MS, SHIM_DISCARDS_ASKED);
    const struct shim_range ranges[] = {{2 * PAGE, 3 * PAGE}, {9 * PAGE, PAGE}};
    struct shim_message asked;
    int connection = asked_for_all(&g, &asked);

    CHECK_EQUAL(PAGES * PAGE, asked.b);
    CHECK(!qemu_has_answer(&g.q));
    expect_kept(&g, PAGES);
    claim(connection, &asked, 7, 2, ranges);
    asked = take(connection, SHIM_DISCARDED, NULL);
    CHECK_EQUAL(0, asked.arg);
    CHECK(!qemu_has_answer(&g.q));
    for (uint64_t page = 0; page < PAGES; page++)
        CHECK_EQUAL((page >= 2 && page < 5) || page == 9, is_hole(&g, page));
    acknowledge(connection, &asked, SHIM_DONE);
    CHECK_EQUAL(0, qemu_answer(&g.q).result);

    qemu_send(&g.q, "punch %d %d %d", g.r.qemu_fd, PAGE, PAGE); /* on the same connection */
    asked = take(connection, SHIM_DISCARD, NULL);
    CHECK_EQUAL(PAGE, asked.a);
    CHECK_EQUAL(PAGE, asked.b);
    claim(connection, &asked, 0, 0, NULL); /* nothing: and there is nothing to confirm */
    CHECK_EQUAL(0, qemu_answer(&g.q).result);
    CHECK_EQUAL(101, first_byte(&g, 1));
    daemon_stop(&g.d);
}

static void long_ranges_are_asked_for_in_parts(void)
{
    struct given g = given(1100, 0, LIMIT_MS, SHIM_DISCARDS_ASKED);
    const uint64_t parts[] = {512, 512, 76};
    struct shim_message asked;
    int connection = asked_for_all(&g, &asked);

    for (uint64_t i = 0, at = 0; i < 3; at += parts[i++]) {
        if (i > 0)
            asked = take(connection, SHIM_DISCARD, NULL);
        CHECK_EQUAL(at * PAGE, asked.a);
        CHECK_EQUAL(parts[i] * PAGE, asked.b);
        claim(connection, &asked, parts[i], 1, &(struct shim_range){asked.a, asked.b});
        asked = take(connection, SHIM_DISCARDED, NULL);
        acknowledge(connection, &asked, SHIM_DONE);
    }
    CHECK_EQUAL(0, qemu_answer(&g.q).result);
    CHECK(is_hole(&g, 0) && is_hole(&g, 1099));
    daemon_stop(&g.d);
}

/* QEMU has long reported to the guest that it is done: what the daemon claims now must not be freed. */
static void a_late_claim_frees_nothing(void)
{
    struct given g = given(PAGES, 0, STALL_MS, SHIM_DISCARDS_ASKED);
    const struct shim_range all = {0, PAGES * PAGE};
    struct shim_message asked;
    int connection = asked_for_all(&g, &asked);
    long long begun = now_ms();

    CHECK_EQUAL(0, qemu_answer(&g.q).result);
    CHECK(now_ms() - begun < 8 * STALL_MS);
    qemu_must(&g.q, "write %d 0 77", g.r.slot);
    CHECK(is_closed(connection));
    struct shim_message late = reply_to(&asked, SHIM_CLAIMED);
    late.a = PAGES;
    late.b = 1;
    (void)!send(connection, &late, sizeof late, MSG_NOSIGNAL);
    (void)!send(connection, &all, sizeof all, MSG_NOSIGNAL);
    CHECK_EQUAL(77, first_byte(&g, 0));
    CHECK_EQUAL(101, first_byte(&g, 1));

    begun = now_ms();
    for (int i = 0; i < 100; i++) /* not asked again at once: QEMU's main thread must not stand still */
        discard(&g, 0, PAGES);
    CHECK(now_ms() - begun < 4 * STALL_MS);
    CHECK_EQUAL(1, qemu_log_count(&g.q, "\n"));
    CHECK_EQUAL(1, qemu_log_count(&g.q, "memory that the guest gives back is kept until splitmemd can be asked"));
    daemon_stop(&g.d);
}

static void without_a_daemon_memory_is_kept(void)
{
    struct given g = given(PAGES, 0, 0, SHIM_DISCARDS_ASKED);

    close(g.d.listener);
    g.d.listener = -1;
    for (int i = 0; i < 100; i++)
        discard(&g, 0, PAGES);
    expect_kept(&g, PAGES);
    CHECK_EQUAL(1, qemu_log_count(&g.q, "memory that the guest gives back is kept"));
    daemon_stop(&g.d);
}

static void a_daemon_that_dies_after_its_claim(void)
{
    struct given g = given(PAGES, 0, LIMIT_MS, SHIM_DISCARDS_ASKED);
    struct shim_message asked;
    int connection = asked_for_all(&g, &asked);

    claim(connection, &asked, PAGES, 1, &(struct shim_range){0, PAGES * PAGE});
    take(connection, SHIM_DISCARDED, NULL);
    close(connection);
    CHECK_EQUAL(0, qemu_answer(&g.q).result);
    CHECK(is_hole(&g, 0) && is_hole(&g, PAGES - 1));
    daemon_stop(&g.d);
}

static void wrong_claims_free_nothing(void)
{
    const struct shim_range wrong[] = {
        {0, (PAGES + 1) * PAGE}, {PAGES * PAGE, PAGE}, {1, PAGE}, {0, 1}, {0, 0}, {UINT64_MAX - PAGE + 1, 2 * PAGE}};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct given g = given(PAGES, 0, LIMIT_MS, SHIM_DISCARDS_ASKED);
        struct shim_message asked;
        int connection = asked_for_all(&g, &asked);

        claim(connection, &asked, PAGES, 1, &wrong[i]);
        CHECK(is_closed(connection));
        CHECK_EQUAL(0, qemu_answer(&g.q).result);
        expect_kept(&g, PAGES);
        daemon_stop(&g.d);
    }
}

/* When the daemon has the answer, nothing is freed any more that was claimed before. */
static void a_new_rule_waits_for_a_discard_under_way(void)
{
    struct given g = given(PAGES, 0, LIMIT_MS, SHIM_DISCARDS_ASKED);
    struct shim_message asked;
    int connection = asked_for_all(&g, &asked);
    long long until;

    send_discards(g.service, SHIM_DISCARDS_IGNORED);
    for (until = now_ms() + STALL_MS; now_ms() < until;)
        CHECK(recv(g.service, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT) < 0);
    claim(connection, &asked, PAGES, 1, &(struct shim_range){0, PAGE});
    asked = take(connection, SHIM_DISCARDED, NULL);
    acknowledge(connection, &asked, SHIM_DONE);
    CHECK_EQUAL(0, take(g.service, SHIM_DONE, NULL).arg);
    CHECK_EQUAL(0, qemu_answer(&g.q).result);
    CHECK(is_closed(connection));
    CHECK_EQUAL(101, first_byte(&g, 1));
    daemon_stop(&g.d);
}

/* A new daemon believes the file when the shim has come: whatever an old one has claimed must be freed by then, or never. */
static void a_new_daemon_waits_for_a_discard_under_way(void)
{
    struct given g = given(PAGES, 0, LIMIT_MS, SHIM_DISCARDS_ASKED);
    struct shim_message asked;
    int connection = asked_for_all(&g, &asked);
    long long until;

    close(g.service);
    for (until = now_ms() + STALL_MS; now_ms() < until; yield_briefly())
        CHECK_EQUAL(0, poll(&(struct pollfd){.fd = g.d.listener, .events = POLLIN}, 1, 0));
    claim(connection, &asked, PAGES, 1, &(struct shim_range){0, PAGE});
    take(connection, SHIM_DISCARDED, NULL);
    close(connection);
    CHECK_EQUAL(0, qemu_answer(&g.q).result);
    g.service = accept_service(&g.d, &g.q, &g.r, 1);
    CHECK(is_hole(&g, 0));
    daemon_stop(&g.d);
}

/* A balloon that discards page by page, all the time, must not keep the daemon's requests waiting. */
static void a_busy_balloon_starves_no_request(void)
{
    struct given g = given(PAGES, 0, LIMIT_MS, SHIM_DISCARDS_KERNEL);

    for (int i = 0; i < 200; i++)
        qemu_send(&g.q, "punch %d 0 %d", g.r.qemu_fd, PAGE);
    for (int i = 0; i < 20; i++)
        CHECK_EQUAL(0, set_discards(g.service, i % 2 == 0 ? SHIM_DISCARDS_IGNORED : SHIM_DISCARDS_KERNEL));
    for (int i = 0; i < 200; i++)
        CHECK_EQUAL(0, qemu_answer(&g.q).result);
    daemon_stop(&g.d);
}

const struct test_case discard_cases[] = {
    {"discards that the kernel handles free memory", the_kernel_frees, true},
    {"discards that the kernel handles need no daemon", the_kernel_frees_without_a_daemon, true},
    {"discards are refused until the rule changes, and again", refused, true},
    {"discards of bad ranges are refused under every rule", bad_ranges, true},
    {"ignored discards succeed, free nothing and leave QEMU's page table alone", ignored, true},
    {"unknown rules for discards are refused and change nothing", unknown_rules, true},
    {"the first backend sets the rule for discards", the_first_backend_sets_the_rule, true},
    {"discards free exactly what the daemon claims", what_the_daemon_claims_is_freed, true},
    {"discards of long ranges are asked for in parts", long_ranges_are_asked_for_in_parts, true},
    {"discards that the daemon claims too late free nothing, and it is left alone for a while",
        a_late_claim_frees_nothing, true},
    {"discards without a daemon succeed and keep the memory, with one line of log",
        without_a_daemon_memory_is_kept, true},
    {"discards whose daemon dies after its claim are done", a_daemon_that_dies_after_its_claim, true},
    {"discards that the daemon answers wrongly free nothing", wrong_claims_free_nothing, true},
    {"discards under way hold up a change of their rule", a_new_rule_waits_for_a_discard_under_way, true},
    {"discards under way hold up the service connection to a new daemon",
        a_new_daemon_waits_for_a_discard_under_way, true},
    {"discards in a row starve no request", a_busy_balloon_starves_no_request, true},
    {0},
};
