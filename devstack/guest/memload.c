/*
 * memload: the workload of the test guest. It fills memory with content of which every byte can be verified, works on it, and
 * reports on standard output (the guest's serial console) what it did and what it found wrong.
 *
 * Content. A page of 4096 bytes is 8 blocks of 64 words of 8 bytes. Each block has a version, kept outside of the page. Word w of
 * block b of page p at version v is  start(p, b, v) + w * STEP,  so a wrong byte, a page in the place of another, a page of zeros
 * and a page as it was earlier (a lost write) are all seen.
 *
 * Work. The pages are shared out among the threads; nothing is shared but counters. In each share the first part is hot.
 *   op     one random block of one random hot page is verified and rewritten with the next version (64 loads, 64 stores)
 *   touch  one page outside of that rhythm: three of four are the next page of a sweep over the whole share, hot pages too, which
 *          is verified as a whole; one of four is a random page, verified as a whole, one of its blocks rewritten
 * Touches are done at the rate asked for, or as fast as memory permits. What was missed, in a pause, is not caught up.
 *
 * Arguments NAME=VALUE (guest/init passes those of the kernel's command line; unknown ones are ignored):
 *   mb=N       MiB to fill (default: three quarters of the RAM)
 *   hot=F      fraction of the pages that is hot, 0 to 1 (default 0.1)
 *   cold=N     touches per second, of all threads together (default 1000)
 *   sweep=N    instead of cold: the rate at which a whole sweep takes N seconds
 *   threads=N  (default: one per CPU)
 *   free=N     MiB, besides: taken, filled, verified and given back to the guest's kernel, again and again, so that the kernel has free
 *              memory to report to its host. Half of the time they are free
 *   idle=1     no ops; only touches, without rewriting (default rate 100)
 *
 * Output, times in seconds of CLOCK_MONOTONIC since the start (it stands still while the guest is stopped):
 *   READY pages=N hot=H                                  everything is filled
 *   T 12.5 ops/s 48211 bad 0 verified 812333 sweep 3     every 0.5 s: rate of ops since the last line, wrong blocks found, pages
 *                                                        verified as a whole, sweeps completed by every thread
 *   FREED N                                              the memory of free= was given back for the Nth time
 *   BAD page N word M expected X got Y                   the first wrong word of a wrong block; at most 20 such lines. The block is
 *                                                        then rewritten, so that it is counted once
 * A full verification of everything after some moment has passed when sweep has grown by two since.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

enum {
    PAGE_BYTES = 4096,
    BLOCK_WORDS = 64,
    BLOCKS = 8,
    PAGE_WORDS = BLOCKS * BLOCK_WORDS,
    MAX_THREADS = 64,
    MAX_BAD_LINES = 20,
    OPS_PER_ROUND = 128, /* between two looks at the clock, which is slow in an emulated machine */
    TICK_MS = 500,
    FREE_MS = 6000 /* a kernel reports free memory after 2 s */
};

#define STEP UINT64_C(0x9e3779b97f4a7c15)

struct settings {
    uint64_t mb, cold, sweep, threads, idle, free;
    double hot;
    bool cold_given;
};

/* One thread's share of the pages. Only its own thread touches it, but for the counters, which the main thread reads. */
struct share {
    uint64_t first, count, hot;      /* pages */
    uint64_t next;                   /* of the sweep, relative to first */
    uint64_t random;                 /* state of the generator */
    double touches_per_second;
    int cpu;
    bool idle;
    _Atomic uint64_t ops, bad, verified, sweeps;
};

/* volatile: that memory changes behind the program's back is what it looks for. */
static volatile uint64_t *words;
static uint32_t *versions; /* BLOCKS per page */
static atomic_uint bad_lines;
static pthread_barrier_t filled;
static struct share shares[MAX_THREADS];

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ (x >> 33);
}

/* block counts from the first page's first block: it stands for both page and block. */
static uint64_t start_of(uint64_t block)
{
    return mix((block << 32 | versions[block]) + STEP);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static uint64_t random_below(struct share *s, uint64_t limit)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (s->random >> 33) % limit;
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void write_block(uint64_t block)
{
    volatile uint64_t *w = words + block * BLOCK_WORDS;
    uint64_t value = start_of(block);
    for (int i = 0; i < BLOCK_WORDS; i++, value += STEP)
        w[i] = value;
}

static void rewrite_block(uint64_t block)
{
    versions[block]++;
    write_block(block);
}

static void report_bad(struct share *s, uint64_t block, int word, uint64_t got)
{
    add(&s->bad, 1);
    if (atomic_fetch_add(&bad_lines, 1) < MAX_BAD_LINES)
        printf("BAD page %lu word %lu expected %016lx got %016lx\n", block / BLOCKS,
               block % BLOCKS * BLOCK_WORDS + (uint64_t)word, start_of(block) + (uint64_t)word * STEP, got);
    write_block(block);
}

static void verify_block(struct share *s, uint64_t block)
{
    volatile uint64_t *w = words + block * BLOCK_WORDS;
    uint64_t value = start_of(block);
    for (int i = 0; i < BLOCK_WORDS; i++, value += STEP) {
        uint64_t got = w[i];
        if (got != value) {
            report_bad(s, block, i, got);
            return;
        }
    }
}

static void verify_page(struct share *s, uint64_t page)
{
    for (uint64_t b = 0; b < BLOCKS; b++)
        verify_block(s, page * BLOCKS + b);
    add(&s->verified, 1);
}

static void touch(struct share *s, uint64_t turn)
{
    if (turn % 4 == 3) {
        uint64_t page = s->first + random_below(s, s->count);
        verify_page(s, page);
        if (!s->idle)
            rewrite_block(page * BLOCKS + random_below(s, BLOCKS));
        return;
    }
    verify_page(s, s->first + s->next);
    if (++s->next == s->count) {
        s->next = 0;
        add(&s->sweeps, 1);
    }
}

static void work_on_hot_pages(struct share *s)
{
    for (int i = 0; i < OPS_PER_ROUND; i++) {
        uint64_t block = (s->first + random_below(s, s->hot)) * BLOCKS + random_below(s, BLOCKS);
        verify_block(s, block);
        rewrite_block(block);
    }
    add(&s->ops, OPS_PER_ROUND);
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        perror("memload: sched_setaffinity"); /* works all the same, only less evenly */
}

/* Each thread fills its own share: with several NUMA nodes it then lies on the thread's own. */
static void *work(void *argument)
{
    struct share *s = argument;
    double due = 0;
    uint64_t turn = 0;
    pin(s->cpu);
    for (uint64_t b = s->first * BLOCKS; b < (s->first + s->count) * BLOCKS; b++)
        write_block(b);
    pthread_barrier_wait(&filled);
    for (double last = now();;) {
        if (s->idle)
            sleep_ms(20);
        else
            work_on_hot_pages(s);
        double t = now();
        due += (t - last) * s->touches_per_second;
        last = t;
        /* A tenth of a second's worth at most: after a stop of the guest it must not do nothing but catch up. */
        if (due > s->touches_per_second / 10 + 1)
            due = s->touches_per_second / 10 + 1;
        for (; due >= 1; due--)
            touch(s, turn++);
    }
    return NULL;
}

static void parse(struct settings *set, const char *argument)
{
    struct { const char *name; uint64_t *value; } numbers[] = {
        {"mb=", &set->mb}, {"cold=", &set->cold}, {"sweep=", &set->sweep}, {"threads=", &set->threads}, {"idle=", &set->idle},
        {"free=", &set->free},
    };
    if (strncmp(argument, "hot=", 4) == 0)
        set->hot = atof(argument + 4);
    if (strncmp(argument, "cold=", 5) == 0)
        set->cold_given = true;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        size_t length = strlen(numbers[i].name);
        if (strncmp(argument, numbers[i].name, length) == 0)
            *numbers[i].value = strtoull(argument + length, NULL, 10);
    }
}

static void fail(const char *what)
{
    printf("FAILED memload: %s\n", what);
    exit(1);
}

static struct settings settings_from(int argc, char **argv)
{
    struct sysinfo info;
    struct settings set = {.hot = 0.1, .cold = 1000, .threads = (uint64_t)get_nprocs()};
    if (sysinfo(&info) != 0)
        fail("sysinfo");
    set.mb = (uint64_t)info.totalram * info.mem_unit / 4 * 3 >> 20;
    for (int i = 1; i < argc; i++)
        parse(&set, argv[i]);
    if (set.idle && !set.cold_given)
        set.cold = 100;
    if (set.threads < 1 || set.threads > MAX_THREADS)
        fail("threads= must be 1 to 64");
    if (set.mb < 1 || set.hot < 0 || set.hot > 1)
        fail("mb= must be at least 1, hot= from 0 to 1");
    /* Versions take 1/128 of the pages' size; without some memory to spare, the kernel would kill us half-way. */
    if ((set.mb + set.mb / 128 + set.free + 16) << 20 > (uint64_t)info.freeram * info.mem_unit)
        fail("mb= is more than the free memory of this guest");
    return set;
}

static void *allocate(uint64_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        fail("mmap");
    return p;
}

/* Each time other memory, or the same again: with what the kernel, or its host, has made of it meanwhile. */
static void *take_and_free(void *argument)
{
    uint64_t bytes = *(uint64_t *)argument << 20;
    for (uint64_t turn = 1;; turn++) {
        volatile uint64_t *w = allocate(bytes);
        for (uint64_t i = 0; i < bytes / sizeof *w; i++) {
            if (w[i] != 0 && atomic_fetch_add(&bad_lines, 1) < MAX_BAD_LINES)
                printf("BAD free word %lu expected 0 got %016lx\n", i, w[i]);
            w[i] = mix(i + turn);
        }
        sleep_ms(FREE_MS);
        for (uint64_t i = 0; i < bytes / sizeof *w; i++)
            if (w[i] != mix(i + turn) && atomic_fetch_add(&bad_lines, 1) < MAX_BAD_LINES)
                printf("BAD free word %lu expected %016lx got %016lx\n", i, mix(i + turn), w[i]);
        munmap((void *)w, bytes);
        printf("FREED %lu\n", turn);
        sleep_ms(FREE_MS);
    }
    return NULL;
}

static void start_freeing(const struct settings *set)
{
    static uint64_t mib;
    pthread_t thread;
    mib = set->free;
    if (mib > 0 && pthread_create(&thread, NULL, take_and_free, &mib) != 0)
        fail("pthread_create");
}

static uint64_t start_threads(const struct settings *set, uint64_t pages)
{
    uint64_t hot = 0;
    double touches = set->sweep ? (double)pages / (double)set->sweep * 4 / 3 : (double)set->cold;
    pthread_barrier_init(&filled, NULL, (unsigned)set->threads + 1);
    for (uint64_t i = 0; i < set->threads; i++) {
        struct share *s = &shares[i];
        pthread_t thread;
        s->first = pages * i / set->threads;
        s->count = pages * (i + 1) / set->threads - s->first;
        s->hot = (uint64_t)((double)s->count * set->hot);
        if (s->hot == 0)
            s->hot = 1;
        hot += s->hot;
        s->random = mix(i + 1);
        s->touches_per_second = touches / (double)set->threads;
        s->cpu = (int)(i % (uint64_t)get_nprocs());
        s->idle = set->idle != 0;
        if (pthread_create(&thread, NULL, work, s) != 0)
            fail("pthread_create");
    }
    return hot;
}

static void report_for_ever(uint64_t threads, double start)
{
    uint64_t last_ops = 0;
    double last = now();
    for (;;) {
        uint64_t ops = 0, bad = 0, verified = 0, sweeps = UINT64_MAX;
        sleep_ms(TICK_MS);
        for (uint64_t i = 0; i < threads; i++) {
            uint64_t done = atomic_load(&shares[i].sweeps);
            ops += atomic_load(&shares[i].ops);
            bad += atomic_load(&shares[i].bad);
            verified += atomic_load(&shares[i].verified);
            if (done < sweeps)
                sweeps = done;
        }
        double t = now();
        printf("T %.2f ops/s %.0f bad %lu verified %lu sweep %lu\n", t - start, (double)(ops - last_ops) / (t - last), bad,
               verified, sweeps);
        last_ops = ops;
        last = t;
    }
}

int main(int argc, char **argv)
{
    double start = now();
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct settings set = settings_from(argc, argv);
    uint64_t pages = (set.mb << 20) / PAGE_BYTES;
    if (pages < set.threads)
        fail("fewer pages than threads");
    words = allocate(pages * PAGE_BYTES);
    versions = allocate(pages * BLOCKS * sizeof *versions);
    uint64_t hot = start_threads(&set, pages);
    pthread_barrier_wait(&filled);
    start_freeing(&set);
    printf("READY pages=%lu hot=%lu\n", pages, hot);
    report_for_ever(set.threads, start);
}
