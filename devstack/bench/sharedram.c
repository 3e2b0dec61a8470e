/*
 * sharedram: preloaded into QEMU, replaces the memory of its RAM backend by one file, so that the QEMUs at both ends of a
 * migration on one machine have the same RAM. What a migration then still takes is the floor for any other.
 *
 * BENCH_SHARED_RAM=FILE, on a tmpfs. Without it everything is as always. One RAM backend only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int shared = -1;

int memfd_create(const char *name, unsigned flags)
{
    const char *file = getenv("BENCH_SHARED_RAM");
    int (*real)(const char *, unsigned) = (int (*)(const char *, unsigned))dlsym(RTLD_NEXT, "memfd_create");
    if (file == NULL || strcmp(name, "memory-backend-memfd") != 0)
        return real(name, flags);
    shared = open(file, O_RDWR | O_CLOEXEC | O_CREAT, 0600);
    return shared;
}

/* A file cannot be sealed. QEMU only wants to know that nobody resizes it, and nobody does. */
int fcntl64(int fd, int command, ...)
{
    int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl64");
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fd >= 0 && fd == shared && command == F_ADD_SEALS ? 0 : real(fd, command, argument);
}
