/*
 * The ways in which QEMU opens a file by its name. A memory-backend-file's is answered with the daemon's file, as
 * memfd_create() is for a memory-backend-memfd. Which of them QEMU takes depends on how it was built: open64(), or with
 * _FORTIFY_SOURCE, as in distributions, __open64_2(); the others are here so that a rebuilt QEMU cannot get past us.
 *
 * A named file is what QEMU must see: since 8.1 it leaves only the RAM of such a one out of a migration.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INTERPOSE __attribute__((visibility("default")))

static int raw_openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    unsigned mode;

    va_start(arguments, flags);
    mode = va_arg(arguments, unsigned);
    va_end(arguments);
    return (int)syscall(SYS_openat, directory, path, flags | O_LARGEFILE, mode);
}

static int raw_open(const char *path, int flags, ...)
{
    va_list arguments;
    unsigned mode;

    va_start(arguments, flags);
    mode = va_arg(arguments, unsigned);
    va_end(arguments);
    return raw_openat(AT_FDCWD, path, flags, mode);
}

static int raw_open_2(const char *path, int flags)
{
    return raw_openat(AT_FDCWD, path, flags, 0);
}

static int raw_openat_2(int directory, const char *path, int flags)
{
    return raw_openat(directory, path, flags, 0);
}

/* The functions behind ours, as in shim.c. Written by open_find_real() only. */
static struct {
    int (*open)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    int (*open_2)(const char *, int);
    int (*openat_2)(int, const char *, int);
} real = {raw_open, raw_openat, raw_open_2, raw_openat_2};

void open_find_real(void (*resolve)(const char *name, void *function))
{
    resolve("open64", &real.open);
    resolve("openat64", &real.openat);
    resolve("__open64_2", &real.open_2);
    resolve("__openat64_2", &real.openat_2);
}

/*
 * The backend whose RAM this call is to open, or -1. RAM is opened for writing, and libvirt writes absolute paths: so
 * what libraries read while they are loaded, when there may be no environment yet, does not even look for one.
 */
static int backend_for(const char *path, int flags)
{
    if ((flags & O_ACCMODE) != O_RDWR || path == NULL || path[0] != '/' || environ == NULL || !shim_is_active())
        return -1;
    return ram_path_backend(path);
}

/* QEMU would answer these by creating a file of its own there, or by trying for ever. */
static bool is_misread(int err)
{
    return err == ENOENT || err == EISDIR || err == EEXIST || err == EINTR;
}

static int open_backend(int number)
{
    int fd = backend_open(number);

    if (fd >= 0)
        return fd;
    errno = is_misread(-fd) ? EIO : -fd;
    return -1;
}

static bool takes_mode(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

INTERPOSE int open64(const char *path, int flags, ...)
{
    unsigned mode = 0;
    va_list arguments;
    int number;

    if (takes_mode(flags)) {
        va_start(arguments, flags);
        mode = va_arg(arguments, unsigned);
        va_end(arguments);
    }
    shim_ready();
    number = backend_for(path, flags);
    return number >= 0 ? open_backend(number) : real.open(path, flags, mode);
}

INTERPOSE int openat64(int directory, const char *path, int flags, ...)
{
    unsigned mode = 0;
    va_list arguments;
    int number;

    if (takes_mode(flags)) {
        va_start(arguments, flags);
        mode = va_arg(arguments, unsigned);
        va_end(arguments);
    }
    shim_ready();
    number = backend_for(path, flags);
    return number >= 0 ? open_backend(number) : real.openat(directory, path, flags, mode);
}

INTERPOSE int __open64_2(const char *path, int flags)
{
    int number;

    shim_ready();
    number = backend_for(path, flags);
    return number >= 0 ? open_backend(number) : real.open_2(path, flags);
}

INTERPOSE int __openat64_2(int directory, const char *path, int flags)
{
    int number;

    shim_ready();
    number = backend_for(path, flags);
    return number >= 0 ? open_backend(number) : real.openat_2(directory, path, flags);
}

/* LP64: the same functions under their other names. */
INTERPOSE int open(const char *path, int flags, ...) __attribute__((alias("open64")));
INTERPOSE int openat(int directory, const char *path, int flags, ...) __attribute__((alias("openat64")));
INTERPOSE int __open_2(const char *path, int flags) __attribute__((alias("__open64_2")));
INTERPOSE int __openat_2(int directory, const char *path, int flags) __attribute__((alias("__openat64_2")));
