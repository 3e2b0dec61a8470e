/*
 * diskload: writes a disk of the test guest and verifies what it reads from there, for as long as the guest runs, and reports on
 * standard output as memload does, which works on memory.
 *
 * usage: diskload DEVICE MIB
 *
 * The first MIB MiB are chunks of 64 KiB. Word 0 of a chunk is its number, word 1 its version, word w the mix of both + w * STEP: a
 * wrong byte, a chunk in the place of another and an earlier version (a lost write) are all seen. Reads and writes go past the guest's
 * page cache (O_DIRECT), a write counts when it is on the disk (O_DSYNC). The versions are kept in memory.
 *
 *   DISK READY chunks=N                                 everything is written once
 *   DISK bad 0 written 812 verified 812 sweep 3         every second: wrong chunks, writes, reads, rounds over all chunks
 *   DISK BAD chunk N word M expected X got Y            the first wrong word of a wrong chunk; the chunk is then rewritten
 *   DISK FAILED ...                                     an error of the disk; ends the program
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_BYTES = 65536, CHUNK_WORDS = CHUNK_BYTES / 8, PAUSE_MS = 20 };

#define STEP UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ (x >> 33);
}

static uint64_t expected(uint64_t chunk, uint64_t version, int word)
{
    if (word < 2)
        return word == 0 ? chunk : version;
    return mix((chunk << 32 | version) + STEP) + (uint64_t)word * STEP;
}

static void fail(const char *what, uint64_t chunk)
{
    printf("DISK FAILED to %s chunk %" PRIu64 ": %s\n", what, chunk, strerror(errno));
    exit(1);
}

static void write_chunk(int fd, uint64_t *words, uint64_t chunk, uint64_t version)
{
    for (int w = 0; w < CHUNK_WORDS; w++)
        words[w] = expected(chunk, version, w);
    errno = 0;
    if (pwrite(fd, words, CHUNK_BYTES, (off_t)(chunk * CHUNK_BYTES)) != CHUNK_BYTES)
        fail("write", chunk);
}

/* @return whether the chunk was as it should be */
static int verify_chunk(int fd, uint64_t *words, uint64_t chunk, uint64_t version)
{
    errno = 0;
    if (pread(fd, words, CHUNK_BYTES, (off_t)(chunk * CHUNK_BYTES)) != CHUNK_BYTES)
        fail("read", chunk);
    for (int w = 0; w < CHUNK_WORDS; w++) {
        if (words[w] != expected(chunk, version, w)) {
            printf("DISK BAD chunk %" PRIu64 " word %d expected %016" PRIx64 " got %016" PRIx64 "\n", chunk, w,
                   expected(chunk, version, w), words[w]);
            return 0;
        }
    }
    return 1;
}

static void work_for_ever(int fd, uint64_t *words, uint64_t *versions, uint64_t chunks)
{
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    uint64_t bad = 0, done = 0;
    time_t reported = 0;
    for (uint64_t chunk = 0;; chunk = (chunk + 1) % chunks, done++) {
        bad += !verify_chunk(fd, words, chunk, versions[chunk]);
        write_chunk(fd, words, chunk, ++versions[chunk]);
        if (time(NULL) != reported) {
            reported = time(NULL);
            printf("DISK bad %" PRIu64 " written %" PRIu64 " verified %" PRIu64 " sweep %" PRIu64 "\n", bad, done + 1, done + 1,
                   (done + 1) / chunks);
        }
        nanosleep(&pause, NULL);
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    uint64_t chunks = argc == 3 ? strtoull(argv[2], NULL, 10) * (1048576 / CHUNK_BYTES) : 0;
    if (chunks == 0) {
        printf("DISK FAILED: usage: diskload DEVICE MIB\n");
        return 2;
    }
    int fd = open(argv[1], O_RDWR | O_DIRECT | O_DSYNC);
    uint64_t *words = aligned_alloc(4096, CHUNK_BYTES), *versions = calloc(chunks, sizeof *versions);
    if (fd < 0 || words == NULL || versions == NULL)
        fail("open the disk of", 0);
    for (uint64_t chunk = 0; chunk < chunks; chunk++)
        write_chunk(fd, words, chunk, versions[chunk]);
    printf("DISK READY chunks=%" PRIu64 "\n", chunks);
    work_for_ever(fd, words, versions, chunks);
}
