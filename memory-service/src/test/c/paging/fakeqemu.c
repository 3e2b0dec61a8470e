/*
 * A process that does to its RAM what QEMU does, with the real shim in LD_PRELOAD, and then uses it like a guest: for tests
 * of the daemon. It knows what every byte of its RAM must be.
 *
 * Commands, one a line on stdin, each answered by one line on stdout that begins with "ok", or "bad" if RAM is wrong:
 *   map BYTES                 a further RAM backend; its pages follow those of the one before
 *   fill FROM COUNT VERSION   writes pages; VERSION 0 is all zero
 *   verify FROM COUNT         every byte of these pages
 *   believe FROM COUNT VERSION   from now on these pages are expected to have this content
 *   read PAGE                 its first 64 bits, in hexadecimal
 *   churn THREADS OPS SEED FROM COUNT WRITES [DISCARDS]   random accesses in parallel: each verifies a page, WRITES % also
 *                             rewrite it; but DISCARDS % give it back instead
 *   discard FROM COUNT        gives pages back, as QEMU's balloon does; from then on each may be all zero, or what it was, but
 *                             what its first reader sees it stays
 *   save FILE, load FILE      what each page is expected to have, for another process to go on with
 *   block                     as no QEMU does: from now on, who reads its userfaultfds waits
 *   lock FILE                 writes its number there and locks it, as libvirt's child does before it becomes QEMU
 *   monitor SOCKET            from now on answers QMP there, as a QEMU without devices whose guest runs
 *   exit
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8, MAX_BACKENDS = 8, MAX_PAGES = 1 << 20, MAX_THREADS = 64 };

static struct {
    volatile uint64_t *words;
    long first, pages;
    int fd;
} backends[MAX_BACKENDS];

static int backend_count;
static long page_count;

/* What each page must contain; a page is used by one thread at a time. */
static uint32_t versions[MAX_PAGES];

/* Nobody has looked at it since it was given back. */
static bool given_back[MAX_PAGES];

static int backend_of(long page)
{
    int b = 0;

    while (page >= backends[b].first + backends[b].pages)
        b++;
    return b;
}

static volatile uint64_t *page_at(long page)
{
    int b = backend_of(page);

    return backends[b].words + (page - backends[b].first) * WORDS;
}

/* splitmix64, by Sebastiano Vigna; the same function is in GuestContent.java */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t word_of(long page, uint32_t version, int i)
{
    return version == 0 ? 0 : mix((((uint64_t)version << 32) | (uint64_t)page) * WORDS + (uint64_t)i);
}

static void write_page(long page, uint32_t version)
{
    volatile uint64_t *w = page_at(page);

    for (int i = 0; i < WORDS; i++)
        w[i] = word_of(page, version, i);
    versions[page] = version;
    given_back[page] = false;
}

/* Pages of one backend. As in QEMU's ram_block_discard_range(). */
static bool discard(long page, long count, char *said, size_t size)
{
    int b = backend_of(page);
    long offset = (page - backends[b].first) * PAGE;
    int rc = fallocate(backends[b].fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count * PAGE);

    if (rc != 0 && errno == EOPNOTSUPP)
        return true; /* as QEMU, which goes on with what it has */
    if (rc != 0 || madvise((char *)backends[b].words + offset, (size_t)count * PAGE, MADV_DONTNEED) != 0) {
        snprintf(said, size, "bad discard of page %ld: %s", page, strerror(errno));
        return false;
    }
    for (long p = page; p < page + count; p++)
        given_back[p] = true;
    return true;
}

static bool verify_page(long page, char *said, size_t size)
{
    volatile uint64_t *w = page_at(page);

    if (given_back[page] && w[0] == 0)
        versions[page] = 0;
    given_back[page] = false;

    for (int i = 0; i < WORDS; i++) {
        uint64_t found = w[i], expected = word_of(page, versions[page], i);
        if (found != expected) {
            snprintf(said, size, "bad page %ld word %d version %u: %016llx, expected %016llx, now %016llx", page, i,
                     versions[page], (unsigned long long)found, (unsigned long long)expected, (unsigned long long)w[i]);
            return false;
        }
    }
    return true;
}

static void map(size_t bytes)
{
    int fd = memfd_create("memory-backend-memfd", MFD_CLOEXEC);
    void *p;

    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0) {
        printf("bad memfd_create or ftruncate\n");
        return;
    }
    p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        printf("bad mmap\n");
        return;
    }
    backends[backend_count].fd = fd;
    backends[backend_count].words = p;
    backends[backend_count].first = page_count;
    backends[backend_count].pages = (long)(bytes / PAGE);
    page_count += (long)(bytes / PAGE);
    printf("ok %d\n", backend_count++);
}

struct churn {
    pthread_t thread;
    int index, threads, writes, discards;
    long ops, from, count;
    uint64_t random;
    char said[256];
};

static uint64_t next_random(struct churn *c)
{
    return mix(c->random++);
}

/* Thread i of n owns every n-th page: neighbours in the page table belong to different threads. */
static void *churn_thread(void *argument)
{
    struct churn *c = argument;
    long own = c->count / c->threads;

    for (long op = 0; op < c->ops; op++) {
        long page = c->from + (long)(next_random(c) % (uint64_t)own) * c->threads + c->index;
        uint64_t dice = next_random(c) % 100;
        bool ok = dice >= 100 - (uint64_t)c->discards ? discard(page, 1, c->said, sizeof c->said)
                                                      : verify_page(page, c->said, sizeof c->said);
        if (!ok)
            return NULL;
        if (dice < (uint64_t)c->writes)
            write_page(page, (uint32_t)(next_random(c) % 20 == 0 ? 0 : next_random(c)));
    }
    return NULL;
}

static void churn(const char *line)
{
    static struct churn threads[MAX_THREADS];
    int n, writes, discards = 0;
    long ops, from, count;
    unsigned long long seed;

    if (sscanf(line, "churn %d %ld %llu %ld %ld %d %d", &n, &ops, &seed, &from, &count, &writes, &discards) < 6
        || n > MAX_THREADS) {
        printf("bad command\n");
        return;
    }
    for (int i = 0; i < n; i++) {
        threads[i] = (struct churn){.index = i, .threads = n, .ops = ops, .from = from, .count = count};
        threads[i].writes = writes;
        threads[i].discards = discards;
        threads[i].random = mix(seed * MAX_THREADS + (uint64_t)i);
        pthread_create(&threads[i].thread, NULL, churn_thread, &threads[i]);
    }
    const char *said = "ok";
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i].thread, NULL);
        if (threads[i].said[0] != '\0')
            said = threads[i].said;
    }
    printf("%s\n", said);
}

static void over_pages(const char *line, const char *verb)
{
    long from = 0, count = 0, version = 0;
    char said[256] = "ok";

    sscanf(line, "%*s %ld %ld %ld", &from, &count, &version);
    if (strcmp(verb, "discard") == 0) {
        discard(from, count, said, sizeof said);
        count = 0;
    }
    for (long page = from; page < from + count; page++) {
        if (strcmp(verb, "fill") == 0)
            write_page(page, (uint32_t)version);
        else if (strcmp(verb, "believe") == 0)
            versions[page] = (uint32_t)version, given_back[page] = false;
        else if (!verify_page(page, said, sizeof said))
            break;
    }
    printf("%s\n", said);
}

static size_t transfer_array(FILE *file, void *array, size_t size, bool out)
{
    return out ? fwrite(array, size, (size_t)page_count, file) : fread(array, size, (size_t)page_count, file);
}

/* The part of a guest's state that migrates outside of its RAM. */
static void transfer(const char *line, bool out)
{
    char path[200];
    FILE *file = NULL;
    size_t done = 0;

    if (sscanf(line, "%*s %199s", path) == 1)
        file = fopen(path, out ? "w" : "r");
    if (file != NULL) {
        done = transfer_array(file, versions, sizeof versions[0], out)
             + transfer_array(file, given_back, sizeof given_back[0], out);
        if (fclose(file) != 0)
            done = 0;
    }
    printf("%s\n", done == 2 * (size_t)page_count ? "ok" : "bad file");
}

/* The flag is the open file's: the daemon's descriptor has it, too. */
static void block(void)
{
    char path[64], is[64];
    int found = 0;

    for (int fd = 0; fd < 256; fd++) {
        ssize_t length;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        length = readlink(path, is, sizeof is - 1);
        is[length < 0 ? 0 : length] = '\0';
        if (strcmp(is, "anon_inode:[userfaultfd]") == 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) == 0)
            found++;
    }
    printf("%s\n", found > 0 ? "ok" : "bad: it has no userfaultfd");
}

/* The descriptor stays open: the lock ends with it. */
static void lock_file(const char *line)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[200];
    int fd = -1;

    if (sscanf(line, "%*s %199s", path) == 1)
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    printf("%s\n", fd >= 0 && fcntl(fd, F_SETLK, &whole) == 0 && dprintf(fd, "%d\n", (int)getpid()) > 0 ? "ok" : "bad lock");
}

/* What a QEMU has of which nothing forbids a split. */
static const char *answer_to(const char *request)
{
    if (strstr(request, "\"qom-list\"") || strstr(request, "\"query-named-block-nodes\"")
        || strstr(request, "\"query-migrate-capabilities\""))
        return "[]";
    if (strstr(request, "\"human-monitor-command\""))
        return "\"\"";
    if (strstr(request, "\"query-status\""))
        return "{\"running\":true,\"status\":\"running\"}";
    return "{}";
}

static void *monitor_thread(void *argument)
{
    int listener = *(int *)argument, client;

    while ((client = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        FILE *requests = fdopen(client, "r");
        char request[4096];

        dprintf(client, "{\"QMP\":{}}\n");
        while (fgets(request, sizeof request, requests) != NULL) {
            const char *id = strstr(request, "\"id\":");
            if (id == NULL || dprintf(client, "{\"return\":%s,\"id\":%ld}\n", answer_to(request), strtol(id + 5, NULL, 10)) < 0)
                break;
        }
        fclose(requests);
    }
    return NULL;
}

static void monitor(const char *line)
{
    static int listener;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    pthread_t thread;

    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sscanf(line, "%*s %107s", name.sun_path) != 1 || bind(listener, (struct sockaddr *)&name, sizeof name) != 0
        || listen(listener, 8) != 0 || pthread_create(&thread, NULL, monitor_thread, &listener) != 0) {
        printf("bad monitor: %s\n", strerror(errno));
        return;
    }
    printf("ok\n");
}

int main(void)
{
    char line[256], verb[32];

    setvbuf(stdin, NULL, _IONBF, 0);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "%31s", verb) == 1) {
        if (strcmp(verb, "exit") == 0)
            return 0;
        if (strcmp(verb, "map") == 0)
            map(strtoul(line + 4, NULL, 10));
        else if (strcmp(verb, "read") == 0)
            printf("ok %016llx\n", (unsigned long long)*page_at(strtol(line + 5, NULL, 10)));
        else if (strcmp(verb, "churn") == 0)
            churn(line);
        else if (strcmp(verb, "block") == 0)
            block();
        else if (strcmp(verb, "lock") == 0)
            lock_file(line);
        else if (strcmp(verb, "monitor") == 0)
            monitor(line);
        else if (strcmp(verb, "save") == 0 || strcmp(verb, "load") == 0)
            transfer(line, verb[0] == 's');
        else
            over_pages(line, verb);
    }
    return 0;
}
