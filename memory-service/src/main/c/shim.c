/*
 * libsplitmem-shim.so: loaded into QEMU by LD_PRELOAD, it gives a VM's RAM to splitmemd. Mechanism only, no policy.
 *
 * QEMU makes RAM of a memory-backend-file by open(), ftruncate if the file is empty, and mmap(MAP_SHARED | MAP_FIXED)
 * over a reservation of its own; of a memory-backend-memfd by memfd_create("memory-backend-memfd"), ftruncate,
 * fcntl(F_ADD_SEALS) and the same mmap. Here the first (see open.c) returns the daemon's file, and the last hands the
 * daemon a userfaultfd of the mapping. Without SPLITMEM_VM and SPLITMEM_SOCKET nothing of this happens.
 */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INTERPOSE __attribute__((visibility("default")))

enum {
    DEFAULT_TIMEOUT_MS = 30 * 1000,
    DEFAULT_EXIT_HOLD_MS = 8 * 1000,
    DEFAULT_DISCARD_TIMEOUT_MS = 200, /* QEMU's main thread waits that long, with its big lock */
    MAX_MS = 3600 * 1000,
};

struct shim_config shim_config; /* written by configure() only */

static int raw_memfd_create(const char *name, unsigned flags)
{
    return (int)syscall(SYS_memfd_create, name, flags);
}

static void *raw_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

static int raw_munmap(void *address, size_t length)
{
    return (int)syscall(SYS_munmap, address, length);
}

static int raw_ftruncate(int fd, off_t length)
{
    return (int)syscall(SYS_ftruncate, fd, length);
}

static int raw_fallocate(int fd, int mode, off_t offset, off_t length)
{
    return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

static int raw_madvise(void *address, size_t length, int advice)
{
    return (int)syscall(SYS_madvise, address, length, advice);
}

static int raw_fcntl(int fd, int command, ...)
{
    va_list arguments;
    void *argument;

    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

/*
 * The functions behind ours. They start as plain system calls, which serve while dlsym() itself runs: an interposed
 * malloc may map memory there. Written by find_real_functions() only.
 */
static struct {
    int (*memfd_create)(const char *, unsigned);
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    int (*munmap)(void *, size_t);
    int (*ftruncate)(int, off_t);
    int (*fallocate)(int, int, off_t, off_t);
    int (*madvise)(void *, size_t, int);
    int (*fcntl)(int, int, ...);
} real = {raw_memfd_create, raw_mmap, raw_munmap, raw_ftruncate, raw_fallocate, raw_madvise, raw_fcntl};

void shim_log(const char *format, ...)
{
    char line[640] = "splitmem-shim: ";
    size_t length = strlen(line);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - length - 1, format, arguments);
    va_end(arguments);
    for (length = 0; line[length] != '\0'; length++)
        if ((unsigned char)line[length] < ' ' || line[length] == 0x7f)
            line[length] = '?'; /* the daemon's words must not forge a second line */
    line[length++] = '\n';
    while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR)
        ; /* a log that cannot be written is no reason to fail QEMU */
}

static int milliseconds(const char *name, int preset)
{
    const char *text = getenv(name);
    char *end;
    long value;

    if (text == NULL || *text == '\0')
        return preset;
    errno = 0;
    value = strtol(text, &end, 10);
    if (errno == 0 && *end == '\0' && value >= 1 && value <= MAX_MS)
        return (int)value;
    shim_log("%s=%s is not a number of milliseconds from 1 to %d; taking %d", name, text, MAX_MS, preset);
    return preset;
}

static void configure(void)
{
    const char *vm = getenv("SPLITMEM_VM");
    const char *socket = getenv("SPLITMEM_SOCKET");

    if (vm == NULL || *vm == '\0' || socket == NULL || *socket == '\0')
        return;
    snprintf(shim_config.vm, sizeof shim_config.vm, "%s", vm);
    snprintf(shim_config.socket, sizeof shim_config.socket, "%s", socket);
    shim_config.timeout_ms = milliseconds("SPLITMEM_TIMEOUT_MS", DEFAULT_TIMEOUT_MS);
    shim_config.exit_hold_ms = milliseconds("SPLITMEM_EXIT_HOLD_MS", DEFAULT_EXIT_HOLD_MS);
    shim_config.discard_timeout_ms = milliseconds("SPLITMEM_DISCARD_TIMEOUT_MS", DEFAULT_DISCARD_TIMEOUT_MS);
    shim_config.active = true;
}

/* Not earlier than main(): at an allocator's first mmap() the C library may have no environment yet. */
bool shim_is_active(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, configure);
    return shim_config.active;
}

static bool is_backend(const char *name)
{
    return name != NULL && strcmp(name, "memory-backend-memfd") == 0 && shim_is_active();
}

static void resolve(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found != NULL) /* else the plain system call remains */
        memcpy(function, &found, sizeof found);
}

/* Set while this thread is inside find_real_functions(): its calls must not wait for themselves. */
static _Thread_local bool initialising __attribute__((tls_model("initial-exec")));

static void find_real_functions(void)
{
    int err = errno;

    initialising = true;
    resolve("memfd_create", &real.memfd_create);
    resolve("mmap64", &real.mmap);
    resolve("munmap", &real.munmap);
    resolve("ftruncate64", &real.ftruncate);
    resolve("fallocate64", &real.fallocate);
    resolve("madvise", &real.madvise);
    resolve("fcntl64", &real.fcntl);
    open_find_real(resolve);
    initialising = false;
    errno = err;
}

/* Other libraries' constructors may call us before ours would run: hence at each call, and no constructor at all. */
void shim_ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (!initialising)
        pthread_once(&once, find_real_functions);
}

INTERPOSE int memfd_create(const char *name, unsigned flags)
{
    int fd;

    shim_ready();
    if (!is_backend(name))
        return real.memfd_create(name, flags);
    if (flags & MFD_HUGETLB) {
        shim_log("VM %s: RAM of huge pages cannot be split; use 4 KiB pages", shim_config.vm);
        errno = EOPNOTSUPP;
        return -1;
    }
    fd = backend_open(-1);
    if (fd >= 0)
        return fd;
    errno = -fd;
    return -1;
}

/*
 * F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL keep others from resizing QEMU's RAM. A file on tmpfs takes no seals; that
 * is safe, because only root's daemon shares it, and ftruncate() below does for QEMU itself what the seals would.
 * Every argument fits a pointer's register, as the C library itself assumes.
 */
INTERPOSE int fcntl64(int fd, int command, ...)
{
    va_list arguments;
    void *argument;

    shim_ready();
    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    if (command == F_ADD_SEALS && backend_of(fd) != NULL)
        return 0;
    return real.fcntl(fd, command, argument);
}

/* A wrong size would throw away memory that has already arrived for this VM. */
INTERPOSE int ftruncate64(int fd, off_t length)
{
    struct backend *b;
    int rc;

    shim_ready();
    b = backend_of(fd);
    rc = b == NULL ? 0 : backend_check_size(b, (uint64_t)length);
    if (rc == 0)
        return real.ftruncate(fd, length);
    errno = -rc;
    return -1;
}

/* Free page reporting and the balloon: pages must not go behind the daemon's page table. */
INTERPOSE int fallocate64(int fd, int mode, off_t offset, off_t length)
{
    struct backend *b;

    shim_ready();
    b = (mode & FALLOC_FL_PUNCH_HOLE) ? backend_of(fd) : NULL;
    return b == NULL ? real.fallocate(fd, mode, offset, length)
                     : discard_file(b, real.fallocate, fd, mode, offset, length);
}

INTERPOSE int madvise(void *address, size_t length, int advice)
{
    shim_ready();
    if ((advice == MADV_DONTNEED || advice == MADV_REMOVE) && backend_overlaps(address, length))
        return discard_mapping(real.madvise, address, length, advice);
    return real.madvise(address, length, advice);
}

/* Gives back what mmap() took: QEMU reserves the addresses first, and unmaps the reservation when mmap() fails. */
static void undo_mapping(void *address, size_t length, int flags)
{
    int reserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;

    if (!(flags & MAP_FIXED) || real.mmap(address, length, PROT_NONE, reserve, -1, 0) == MAP_FAILED)
        real.munmap(address, length);
}

static void *map_backend(
    struct backend *b, void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    int rc = backend_accept_mapping(b, length, flags, offset);
    void *mapped;

    if (rc != 0) {
        errno = -rc;
        return MAP_FAILED;
    }
    mapped = real.mmap(address, length, protection, flags, fd, offset);
    if (mapped == MAP_FAILED)
        return mapped;
    rc = backend_attach(b, mapped, length);
    if (rc == 0)
        return mapped;
    undo_mapping(mapped, length, flags);
    errno = -rc;
    return MAP_FAILED;
}

/* The first mapping of a backend's file is the RAM, and must be all of it, shared. Later ones are QEMU's business. */
INTERPOSE void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    struct backend *b;

    shim_ready();
    /* QEMU remaps a page that hardware has poisoned. The new mapping would be unregistered and show holes as zeros. */
    if ((flags & MAP_FIXED) && backend_overlaps(address, length)) {
        shim_log("VM %s: refused to map over guest RAM at %p", shim_config.vm, address);
        errno = EOPNOTSUPP;
        return MAP_FAILED;
    }
    b = (flags & MAP_ANONYMOUS) ? NULL : backend_of(fd);
    if (b == NULL || backend_is_mapped(b))
        return real.mmap(address, length, protection, flags, fd, offset);
    return map_backend(b, address, length, protection, flags, fd, offset);
}

INTERPOSE int munmap(void *address, size_t length)
{
    shim_ready();
    backend_forget(address, length);
    return real.munmap(address, length);
}

/* LP64: the same functions under their other names. */
INTERPOSE int fcntl(int fd, int command, ...) __attribute__((alias("fcntl64")));
INTERPOSE int ftruncate(int fd, off_t length) __attribute__((alias("ftruncate64")));
INTERPOSE int fallocate(int fd, int mode, off_t offset, off_t length) __attribute__((alias("fallocate64")));
INTERPOSE void *mmap(void *a, size_t n, int p, int f, int fd, off_t o) __attribute__((alias("mmap64")));
