/*
 * Which of the files that QEMU opens are guest RAM. QEMU's own command line says so, whatever directory libvirt puts
 * them into: the mem-path of each "-object memory-backend-file", in libvirt's JSON or in QEMU's older notation. No other
 * memory-backend-file is possible: `splitmem prepare` refuses DIMMs, shared memory and objects of the user's own.
 *
 * The order of the objects is that in which QEMU makes them, and so the number of each backend.
 */
#include "qemu_object.h"
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    FIRST_READ = 64 * 1024,
    MOST_READ = 16 * 1024 * 1024, /* the kernel allows a quarter of the stack's limit, usually 2 MiB */
};

/* By number of backend; NULL: a memory-backend-memfd. Written by find_paths() only. */
static char *paths[SHIM_MAX_BACKENDS];
static unsigned backend_count;

static void add_backend(const char *text)
{
    struct qemu_object o;
    bool file;

    qemu_object_read(text, &o);
    file = strcmp(o.type, "memory-backend-file") == 0;
    if ((!file && strcmp(o.type, "memory-backend-memfd") != 0) || backend_count == SHIM_MAX_BACKENDS)
        return;
    if (file) {
        paths[backend_count] = strdup(o.path);
        if (paths[backend_count] == NULL)
            shim_log("VM %s: no memory to remember the RAM file %s", shim_config.vm, o.path);
    }
    backend_count++;
}

/* The whole file, with a zero byte behind it, or NULL and errno. Not by open(): that is ours. */
static char *read_file(const char *path, size_t *length)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    size_t size = FIRST_READ;
    char *text = fd < 0 ? NULL : malloc(size + 1);
    ssize_t n = 1;
    int err;

    *length = 0;
    while (text != NULL && n != 0) {
        if (*length == size && size < MOST_READ) {
            char *larger = realloc(text, 2 * size + 1);
            if (larger == NULL)
                break;
            text = larger;
            size *= 2;
        }
        n = read(fd, text + *length, size - *length);
        if (n > 0)
            *length += (size_t)n;
        else if (n < 0 && errno != EINTR)
            break;
    }
    err = errno;
    if (text != NULL && n != 0) {
        free(text);
        text = NULL;
    }
    if (fd >= 0)
        close(fd);
    if (text != NULL)
        text[*length] = '\0';
    errno = err;
    return text;
}

static void find_paths(void)
{
    size_t length;
    char *text = read_file("/proc/self/cmdline", &length);

    if (text == NULL) {
        shim_log("VM %s: cannot read QEMU's command line: %s (%d); RAM files are not recognised",
            shim_config.vm, strerror(errno), errno);
        return;
    }
    for (char *argument = text, *next; argument < text + length; argument = next) {
        next = argument + strlen(argument) + 1;
        if (next < text + length && (strcmp(argument, "-object") == 0 || strcmp(argument, "--object") == 0))
            add_backend(next);
    }
    free(text);
}

int ram_path_backend(const char *path)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int err = errno;

    pthread_once(&once, find_paths);
    errno = err;
    for (unsigned i = 0; i < backend_count; i++)
        if (paths[i] != NULL && strcmp(paths[i], path) == 0)
            return (int)i;
    return -1;
}
