/* A small test harness: each case is a claim and runs in a process of its own, under a time limit. */
#ifndef SPLITMEM_HARNESS_H
#define SPLITMEM_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    LIMIT_MS = 10 * 1000,      /* for any single condition a case waits for */
    CASE_LIMIT_S = 60,         /* for a whole case */
    STALL_MS = 500,            /* the shim's time-out in cases that stall; a loaded machine answers in less otherwise */
    PAGE = 4096,
};

struct test_case {
    const char *claim;
    void (*run)(void);
    bool needs_userfaultfd;
};

/* Ends with an entry without a claim. */
extern const struct test_case attach_cases[];
extern const struct test_case passthrough_cases[];
extern const struct test_case named_file_cases[];
extern const struct test_case refusal_cases[];
extern const struct test_case service_cases[];
extern const struct test_case discard_cases[];
extern const struct test_case exit_cases[];

/* The library under test. */
extern const char *shim_library;

/* Reports and ends the case if it does not hold. */
#define CHECK(condition) \
    do { \
        if (!(condition)) \
            fail(__FILE__, __LINE__, "%s", #condition); \
    } while (0)

#define CHECK_EQUAL(expected, actual) \
    do { \
        long long expected_ = (long long)(expected), actual_ = (long long)(actual); \
        if (expected_ != actual_) \
            fail(__FILE__, __LINE__, "%s is %lld instead of %lld", #actual, actual_, expected_); \
    } while (0)

/* Evaluates the condition again and again until it holds, at most LIMIT_MS. */
#define AWAIT(condition) \
    do { \
        long long give_up_ = now_ms() + LIMIT_MS; \
        while (!(condition)) { \
            if (now_ms() > give_up_) \
                fail(__FILE__, __LINE__, "waited in vain for %s", #condition); \
            yield_briefly(); \
        } \
    } while (0)

__attribute__((noreturn, format(printf, 3, 4))) void fail(const char *file, int line, const char *format, ...);

/* Ends the case as neither passed nor failed. */
__attribute__((noreturn)) void skip(const char *reason);

long long now_ms(void);

void yield_briefly(void);

#endif
