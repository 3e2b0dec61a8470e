/*
 * netbench: what the network between two hosts can do at best, for comparison. Blocking sockets, one thread per connection.
 *
 *   netbench sink PORT STREAMS [memfd]               receives on STREAMS connections until they end, acknowledges, exits; into one
 *                                                    buffer per stream that is used again and again, or into a fresh memfd
 *   netbench source HOST PORT STREAMS MIB [memfd]    sends MIB in all, from such a buffer, or by sendfile from a filled memfd;
 *                                                    prints bytes per second, from the first byte to the last acknowledgement
 *   netbench discard PORT                            receives on one connection until it ends, and exits; for a sender of another kind
 *   netbench echo PORT                               answers each request of 32 bytes with 32 + 4096 bytes, for ever
 *   netbench ping HOST PORT COUNT PAUSE_US           COUNT such requests, PAUSE_US apart, after a tenth as many to warm up;
 *                                                    prints "p50 p90 p99 max" in microseconds
 *   netbench poll HOST PORT PATH KEY-FILE PAUSE_MS   gets http://HOST:PORT/PATH with the key of the file, PAUSE_MS apart, on one
 *                                                    connection, for ever
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 32, PAGE = 4096, CHUNK = 1 << 20, MAX_STREAMS = 64, MIB = 1 << 20 };

struct stream {
    int socket, memfd; /* memfd: -1 for a plain buffer */
    uint64_t bytes;
};

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "netbench: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *allocate(int fd, uint64_t bytes)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    check(p != MAP_FAILED, "mmap");
    return p;
}

static int new_memfd(uint64_t bytes)
{
    int fd = memfd_create("netbench", MFD_CLOEXEC);
    check(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0, "memfd");
    return fd;
}

static void without_delay(int fd)
{
    int on = 1;
    check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

static int listen_on(const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "socket");
    check(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, MAX_STREAMS) == 0, "listen");
    return fd;
}

static int accept_from(int listener)
{
    int fd = accept(listener, NULL, NULL);
    check(fd >= 0, "accept");
    without_delay(fd);
    return fd;
}

/* Tries for five seconds: the other side may only be about to listen. */
static int connect_to(const char *host, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    check(inet_pton(AF_INET, host, &a.sin_addr) == 1, "address");
    for (int attempt = 0;; attempt++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(fd >= 0, "socket");
        if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) {
            without_delay(fd);
            return fd;
        }
        close(fd);
        check(attempt < 50, "connect");
        usleep(100000);
    }
}

static void send_all(int fd, const void *buffer, size_t bytes)
{
    for (const char *p = buffer; bytes > 0;) {
        ssize_t n = send(fd, p, bytes, MSG_NOSIGNAL);
        check(n > 0, "send");
        p += n;
        bytes -= (size_t)n;
    }
}

static bool receive_all(int fd, void *buffer, size_t bytes)
{
    ssize_t n = recv(fd, buffer, bytes, MSG_WAITALL);
    check(n >= 0, "recv");
    return (size_t)n == bytes;
}

/* ---- bulk ---- */

static void *receive_stream(void *argument)
{
    struct stream *s = argument;
    uint64_t announced, done = 0;
    check(receive_all(s->socket, &announced, sizeof announced), "no length");
    int fd = s->memfd < 0 ? -1 : new_memfd(announced);
    char *buffer = allocate(fd, fd < 0 ? CHUNK : announced);
    while (done < announced) {
        uint64_t want = announced - done < CHUNK ? announced - done : CHUNK;
        ssize_t n = recv(s->socket, fd < 0 ? buffer : buffer + done, want, 0);
        check(n > 0, "recv");
        done += (uint64_t)n;
    }
    send_all(s->socket, "", 1);
    return NULL;
}

static void *send_stream(void *argument)
{
    struct stream *s = argument;
    char *buffer = s->memfd < 0 ? allocate(-1, CHUNK) : NULL;
    off_t at = 0;
    char done;
    if (buffer != NULL)
        memset(buffer, 0x5a, CHUNK);
    send_all(s->socket, &s->bytes, sizeof s->bytes);
    for (uint64_t left = s->bytes; left > 0;) {
        size_t want = left < CHUNK ? left : CHUNK;
        ssize_t n = buffer == NULL ? sendfile(s->socket, s->memfd, &at, want) : send(s->socket, buffer, want, MSG_NOSIGNAL);
        check(n > 0, "send");
        left -= (uint64_t)n;
    }
    check(receive_all(s->socket, &done, 1), "no acknowledgement");
    return NULL;
}

static void run_streams(struct stream *streams, int count, void *(*body)(void *))
{
    pthread_t threads[MAX_STREAMS];
    for (int i = 0; i < count; i++)
        check(pthread_create(&threads[i], NULL, body, &streams[i]) == 0, "pthread_create");
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static int stream_count(const char *text)
{
    int n = atoi(text);
    errno = EINVAL;
    check(n >= 1 && n <= MAX_STREAMS, "streams");
    return n;
}

static void sink(const char *port, const char *streams, bool memfd)
{
    struct stream s[MAX_STREAMS];
    int count = stream_count(streams), listener = listen_on(port);
    for (int i = 0; i < count; i++)
        s[i] = (struct stream){.socket = accept_from(listener), .memfd = memfd ? 0 : -1};
    run_streams(s, count, receive_stream);
}

static void source(const char *host, const char *port, const char *streams, const char *mib, bool memfd)
{
    struct stream s[MAX_STREAMS];
    int count = stream_count(streams);
    uint64_t total = strtoull(mib, NULL, 10) * MIB, each = total / (uint64_t)count;
    for (int i = 0; i < count; i++) {
        s[i] = (struct stream){.socket = connect_to(host, port), .memfd = -1, .bytes = each};
        if (memfd) {
            s[i].memfd = new_memfd(each);
            memset(allocate(s[i].memfd, each), 0x5a, each);
        }
    }
    double start = now();
    run_streams(s, count, send_stream);
    printf("%.0f\n", (double)(each * (uint64_t)count) / (now() - start));
}

static void discard(const char *port)
{
    int fd = accept_from(listen_on(port));
    char *buffer = allocate(-1, CHUNK);
    ssize_t n;
    while ((n = recv(fd, buffer, CHUNK, 0)) > 0)
        ;
    check(n == 0, "recv");
}

/* ---- request and response ---- */

static void *answer(void *argument)
{
    static const char response[REQUEST + PAGE];
    char request[REQUEST];
    int fd = (int)(intptr_t)argument;
    while (receive_all(fd, request, sizeof request))
        send_all(fd, response, sizeof response);
    close(fd);
    return NULL;
}

static void echo(const char *port)
{
    int listener = listen_on(port);
    for (;;) {
        pthread_t thread;
        int fd = accept_from(listener);
        check(pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd) == 0, "pthread_create");
        pthread_detach(thread);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double round_trip(int fd)
{
    static char request[REQUEST], response[REQUEST + PAGE];
    double start = now();
    send_all(fd, request, sizeof request);
    check(receive_all(fd, response, sizeof response), "the other side is gone");
    return (now() - start) * 1e6;
}

static void ping(const char *host, const char *port, const char *number, const char *pause_us)
{
    int fd = connect_to(host, port), count = atoi(number);
    useconds_t pause = (useconds_t)atoi(pause_us);
    double *us = allocate(-1, (uint64_t)count * sizeof *us);
    for (int i = -count / 10; i < count; i++) {
        double t = round_trip(fd);
        if (i >= 0)
            us[i] = t;
        if (pause > 0)
            usleep(pause);
    }
    qsort(us, (size_t)count, sizeof *us, by_value);
    printf("%.1f %.1f %.1f %.1f\n", us[count / 2], us[count * 9 / 10], us[count * 99 / 100], us[count - 1]);
}

/* ---- a client that asks now and then, as nova-bridge does and Prometheus ---- */

static void read_key(const char *file, char *key, size_t size)
{
    FILE *f = fopen(file, "re");
    check(f != NULL && fgets(key, (int)size, f) != NULL, file);
    key[strcspn(key, "\r\n")] = '\0';
    fclose(f);
}

/* Ends the program unless it is a whole answer of status 200 with a length. */
static void receive_answer(int fd, char *buffer, size_t size)
{
    size_t have = 0, length = 0;
    char *body = NULL;
    do {
        ssize_t n = recv(fd, buffer + have, size - 1 - have, 0);
        check(n > 0, "the answer is cut off");
        have += (size_t)n;
        buffer[have] = '\0';
        if (body == NULL && (body = strstr(buffer, "\r\n\r\n")) != NULL) {
            const char *field = strcasestr(buffer, "\r\nContent-Length:");
            check(strncmp(buffer, "HTTP/1.1 200 ", 13) == 0 && field != NULL && field < body, "not the answer");
            length = (size_t)(body + 4 - buffer) + strtoul(field + 17, NULL, 10);
            check(length < size, "the answer is too long");
        }
    } while (body == NULL || have < length);
}

static void poll_path(const char *host, const char *port, const char *path, const char *key_file, const char *pause_ms)
{
    static char key[256], request[1024], answer[16 * MIB];
    long ms = atol(pause_ms);
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    read_key(key_file, key, sizeof key);
    int bytes = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, host, key);
    check(bytes > 0 && (size_t)bytes < sizeof request, "the request is too long");
    for (int fd = connect_to(host, port);;) {
        send_all(fd, request, (size_t)bytes);
        receive_answer(fd, answer, sizeof answer);
        nanosleep(&pause, NULL);
    }
}

int main(int argc, char **argv)
{
    bool memfd = argc > 1 && strcmp(argv[argc - 1], "memfd") == 0;
    int n = memfd ? argc - 1 : argc;
    if (n == 4 && strcmp(argv[1], "sink") == 0)
        sink(argv[2], argv[3], memfd);
    else if (n == 6 && strcmp(argv[1], "source") == 0)
        source(argv[2], argv[3], argv[4], argv[5], memfd);
    else if (n == 3 && strcmp(argv[1], "discard") == 0)
        discard(argv[2]);
    else if (n == 3 && strcmp(argv[1], "echo") == 0)
        echo(argv[2]);
    else if (n == 6 && strcmp(argv[1], "ping") == 0)
        ping(argv[2], argv[3], argv[4], argv[5]);
    else if (n == 7 && strcmp(argv[1], "poll") == 0)
        poll_path(argv[2], argv[3], argv[4], argv[5], argv[6]);
    else {
        fprintf(stderr, "usage: netbench sink|source|discard|echo|ping|poll ..., see the head of netbench.c\n");
        return 2;
    }
    return 0;
}
