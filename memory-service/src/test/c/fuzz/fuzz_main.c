/*
 * Runs a fuzz target without libFuzzer, as `mvn verify` does: the corpus, then inputs mutated from it.
 *
 * usage: TARGET RUNS CORPUS-FILE...
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 88172645463325252u;

static size_t chance(size_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % below);
}

static size_t read_file(const char *name, uint8_t *bytes)
{
    FILE *file = fopen(name, "rb");
    size_t size;

    if (file == NULL) {
        perror(name);
        exit(2);
    }
    size = fread(bytes, 1, MOST, file);
    fclose(file);
    return size;
}

/* One small change; returns the new size. */
static size_t mutate(uint8_t *bytes, size_t size)
{
    static const char words[] = "{}[]\",:=\\u0d8";
    size_t at = chance(size + 1), length = chance(32) + 1;

    if (chance(4) == 0 && size + length <= MOST) { /* repeats what is there, or makes room */
        memmove(bytes + at + length, bytes + at, size - at);
        return size + length;
    }
    if (at == size)
        return size;
    if (length > size - at)
        length = size - at;
    switch (chance(4)) {
    case 0:
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length;
    case 1:
        bytes[at] = (uint8_t)words[chance(sizeof words)];
        return size;
    case 2:
        bytes[at] ^= (uint8_t)(1u << chance(8));
        return size;
    default:
        bytes[at] = (uint8_t)chance(256);
        return size;
    }
}

int main(int argc, char **argv)
{
    static uint8_t bytes[MOST];
    long runs = argc > 2 ? atol(argv[1]) : 0;

    if (argc < 3) {
        fprintf(stderr, "usage: %s RUNS CORPUS-FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 2; i < argc; i++)
        LLVMFuzzerTestOneInput(bytes, read_file(argv[i], bytes));
    for (long run = 0; run < runs; run++) {
        size_t size = read_file(argv[2 + chance((size_t)argc - 2)], bytes);

        for (size_t changes = chance(16) + 1; changes > 0; changes--)
            size = mutate(bytes, size);
        LLVMFuzzerTestOneInput(bytes, size);
    }
    printf("%s: %d inputs of the corpus and %ld others\n", argv[0], argc - 2, runs);
    return 0;
}
