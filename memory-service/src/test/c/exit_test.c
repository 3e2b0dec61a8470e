/* HOLD: how long QEMU's exit waits for the daemon. */
#include "fake_daemon.h"
#include "harness.h"

#include <errno.h>
#include <unistd.h>

struct held {
    struct daemon d;
    struct qemu q;
    struct ram r;
    int service;
};

/* A QEMU with one backend, held. */
static struct held hold(int exit_hold_ms)
{
    struct held h = {.d = daemon_start()};
    struct qemu_options options = led_to(&h.d);

    options.exit_hold_ms = exit_hold_ms;
    h.q = qemu_start(options);
    h.r = attach(&h.d, &h.q, 4, MISSING | MINOR);
    h.service = accept_service(&h.d, &h.q, &h.r, 1);
    CHECK_EQUAL(0, set_hold(h.service, true));
    return h;
}

static void exit_waits_for_release(void)
{
    struct held h = hold(60 * 1000);

    copy_page(&h.r, 0, 11);
    qemu_send(&h.q, "exit");
    AWAIT(qemu_waits_in_futex(&h.q));
    CHECK_EQUAL(0, zap_range(h.service, 0, 0, PAGE));
    CHECK_EQUAL(0, set_modes(h.service, 0, 0, 0, 0));
    CHECK_EQUAL(0, set_hold(h.service, true));
    CHECK(qemu_is_running(&h.q));
    CHECK_EQUAL(0, set_hold(h.service, false));
    CHECK_EQUAL(7, qemu_join(&h.q));
    CHECK_EQUAL(0, qemu_log_count(&h.q, "splitmem-shim"));
    daemon_stop(&h.d);
}

static void hold_times_out(void)
{
    struct held h = hold(1300);
    long long start = now_ms();

    qemu_send(&h.q, "exit");
    CHECK_EQUAL(7, qemu_join(&h.q));
    CHECK(now_ms() - start >= 1299);
    CHECK_EQUAL(1, qemu_log_count(&h.q, "splitmemd did not release it within 1300 ms\n"));
    daemon_stop(&h.d);
}

static void released_before_exit(void)
{
    struct held h = hold(60 * 1000);

    CHECK_EQUAL(0, set_hold(h.service, false));
    CHECK_EQUAL(0, set_hold(h.service, false));
    qemu_send(&h.q, "exit");
    CHECK_EQUAL(7, qemu_join(&h.q));
    daemon_stop(&h.d);
}

static void hold_outlives_the_connection(void)
{
    struct held h = hold(60 * 1000);

    close(h.service);
    qemu_send(&h.q, "exit");
    AWAIT(qemu_waits_in_futex(&h.q));
    h.service = accept_service(&h.d, &h.q, &h.r, 1);
    CHECK(qemu_is_running(&h.q));
    CHECK_EQUAL(0, zap_range(h.service, 0, 0, PAGE));
    CHECK_EQUAL(0, set_hold(h.service, false));
    CHECK_EQUAL(7, qemu_join(&h.q));
    daemon_stop(&h.d);
}

static void hold_ends_without_a_daemon(void)
{
    struct held h = hold(300);

    daemon_stop(&h.d);
    close(h.service);
    qemu_send(&h.q, "exit");
    CHECK_EQUAL(7, qemu_join(&h.q));
}

static void children_are_not_held(void)
{
    struct held h = hold(60 * 1000);

    CHECK_EQUAL(5, qemu_must(&h.q, "fork-and-exit"));
    CHECK_EQUAL(0, qemu_must(&h.q, "fork-and-exec"));
    CHECK_EQUAL(0, zap_range(h.service, 0, 0, PAGE));
    daemon_stop(&h.d);
}

static void immediate_exit_is_not_held(void)
{
    struct held h = hold(60 * 1000);

    qemu_send(&h.q, "_exit");
    CHECK_EQUAL(7, qemu_join(&h.q));
    CHECK(is_closed(h.service));
    daemon_stop(&h.d);
}

static void bad_limit_is_reported(void)
{
    struct daemon d = daemon_start();
    struct qemu_options options = led_to(&d);
    struct qemu q;

    options.exit_hold_ms = 2000 * 1000 * 1000;
    q = qemu_start(options);
    attach(&d, &q, 4, 0);
    CHECK_EQUAL(1, qemu_log_count(&q,
        "splitmem-shim: SPLITMEM_EXIT_HOLD_MS=2000000000 is not a number of milliseconds from 1 to 3600000; "
        "taking 8000\n"));
    daemon_stop(&d);
}

const struct test_case exit_cases[] = {
    {"a held exit waits for the release, and requests are still served", exit_waits_for_release, true},
    {"a hold that is never released ends by its time-out", hold_times_out, true},
    {"a hold that was released does not delay the exit", released_before_exit, true},
    {"a hold outlives the connection that asked for it", hold_outlives_the_connection, true},
    {"a hold ends by its time-out when there is no daemon any more", hold_ends_without_a_daemon, true},
    {"forked children and helpers are not held", children_are_not_held, true},
    {"_exit is not held", immediate_exit_is_not_held, true},
    {"a limit that is no number of milliseconds is reported and the default taken", bad_limit_is_reported, true},
    {0},
};
