#include "fake_qemu.h"
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_MAPPINGS = 8 };

static struct {
    unsigned char *address;
    size_t length;
} mappings[MAX_MAPPINGS];

static int mapping_count;

/* QEMU 7.2: reserves the addresses with one page more as a guard, then maps the file over the reservation. */
static long long map(int fd, size_t length, int flags, off_t offset)
{
    unsigned char *reserved = mmap(NULL, length + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *mapped;

    if (reserved == MAP_FAILED || mapping_count == MAX_MAPPINGS)
        return -1;
    mapped = mmap(reserved, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, offset);
    if (mapped == MAP_FAILED) {
        int err = errno;
        unsigned char resident[64];
        /* QEMU now unmaps all it has reserved: a gap in it could by now be somebody else's memory. */
        if (length >= sizeof resident * PAGE || mincore(reserved, length + PAGE, resident) != 0)
            err = EXDEV;
        munmap(reserved, length + PAGE);
        errno = err;
        return -1;
    }
    mappings[mapping_count].address = mapped;
    mappings[mapping_count].length = length;
    return mapping_count++;
}

static long long count_entries(const char *directory, bool (*counts)(const char *name))
{
    DIR *d = opendir(directory);
    struct dirent *e;
    long long count = 0;

    if (d == NULL)
        return -1;
    while ((e = readdir(d)) != NULL)
        if (e->d_name[0] != '.' && counts(e->d_name))
            count++;
    closedir(d);
    return count;
}

static bool any(const char *name)
{
    (void)name;
    return true;
}

static bool is_socket(const char *name)
{
    struct stat s;

    return fstat(atoi(name), &s) == 0 && S_ISSOCK(s.st_mode);
}

static bool is_ram_file(const char *name)
{
    char path[64], target[64] = "";

    snprintf(path, sizeof path, "/proc/self/fd/%.16s", name);
    return readlink(path, target, sizeof target - 1) > 0 && strncmp(target, "/memfd:ram", 10) == 0;
}

/* Descriptors of our own making, besides stdio, that an exec()ed helper would inherit. */
static bool leaks(const char *name)
{
    int fd = atoi(name);

    return fd > 2 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* The signals that the service thread does not block, of those that an application can block. */
static long long open_signals(void)
{
    char path[64], line[256], comm[32];
    unsigned long long blocked = 0;
    const unsigned long long unblockable = 1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1) | 1ULL << 31 | 1ULL << 32;
    DIR *d = opendir("/proc/self/task");
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "/proc/self/task/%.16s/status", e->d_name);
        FILE *f = fopen(path, "re");
        comm[0] = '\0';
        while (f != NULL && fgets(line, sizeof line, f) != NULL) {
            sscanf(line, "Name: %31s", comm);
            if (strcmp(comm, "splitmem-shim") == 0)
                sscanf(line, "SigBlk: %llx", &blocked);
        }
        if (f != NULL)
            fclose(f);
    }
    if (d != NULL)
        closedir(d);
    return __builtin_popcountll(~(blocked | unblockable));
}

/* A child that ends by exit(), as one whose exec() failed may do. */
static long long fork_and_exit(void)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        exit(5);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

/* A helper program, which inherits LD_PRELOAD and the VM's variables. */
static long long fork_and_exec(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

/* Each kind of argument: none, a number, a structure that is read, and one that is written. 0 if all work. */
static long long try_fcntl(void)
{
    struct flock theirs = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 7};
    int fd = memfd_create("some file", MFD_CLOEXEC), copy = fcntl(fd, F_DUPFD_CLOEXEC, 100), status;
    pid_t pid;

    if (fd < 0 || copy < 100 || fcntl(copy, F_GETFD) != FD_CLOEXEC)
        return 1;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0)
        return 2;
    if (fcntl(fd, F_SETLK, &theirs) != 0)
        return 3;
    pid = fork();
    if (pid == 0) {
        struct flock mine = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
        bool told = fcntl(fd, F_GETLK, &mine) == 0 && mine.l_type == F_WRLCK && mine.l_len == 7;
        _exit(told && mine.l_pid == getppid() ? 0 : 1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return 4;
    errno = 0;
    return fcntl(-1, F_GETFD) == -1 && errno == EBADF ? 0 : 5;
}

static long long read_byte(int slot, size_t offset)
{
    return *(volatile unsigned char *)(mappings[slot].address + offset);
}

static long long write_byte(int slot, size_t offset, int value)
{
    *(volatile unsigned char *)(mappings[slot].address + offset) = (unsigned char)value;
    return 0;
}

static long long unmap(int slot)
{
    return munmap(mappings[slot].address, mappings[slot].length + PAGE);
}

static long long remap(int slot, int fd)
{
    void *p = mmap(mappings[slot].address, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);

    return p == MAP_FAILED ? -1 : 0;
}

static bool is(const char *verb, const char *name)
{
    return strcmp(verb, name) == 0;
}

/* glibc's, for callers that were built with _FORTIFY_SOURCE; its headers declare them for those alone. */
extern int __open_2(const char *, int);
extern int __open64_2(const char *, int);
extern int __openat_2(int, const char *, int);
extern int __openat64_2(int, const char *, int);

/* Every way to open a file by its name; QEMU's retry with O_CREAT | O_EXCL takes those that can have a mode. */
static long long open_by(int way, const char *path, int flags)
{
    switch (way) {
    case 0:
        return open(path, flags, 0644);
    case 1:
        return open64(path, flags, 0644);
    case 2:
        return openat(AT_FDCWD, path, flags, 0644);
    case 3:
        return openat64(AT_FDCWD, path, flags, 0644);
    case 4:
        return __open_2(path, flags);
    case 5:
        return __open64_2(path, flags);
    case 6:
        return __openat_2(AT_FDCWD, path, flags);
    default:
        return __openat64_2(AT_FDCWD, path, flags);
    }
}

static long long about_files(const char *verb, const char *word, long long a, long long b, long long c)
{
    int fd = (int)a;

    if (is(verb, "create"))
        return memfd_create(word, MFD_CLOEXEC | MFD_ALLOW_SEALING | (unsigned)a);
    if (is(verb, "open"))
        return open_by((int)b, word, (int)a);
    if (is(verb, "open-odd")) /* a path with a space, a quote, commas and two characters beyond ASCII */
        return open_by(5, "/nowhere/a b\xc3\xa9\xf0\x9f\x98\x80\",,c", O_RDWR);
    if (is(verb, "resize"))
        return ftruncate(fd, b);
    if (is(verb, "size"))
        return lseek(fd, 0, SEEK_END);
    if (is(verb, "seal"))
        return fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK);
    if (is(verb, "seals"))
        return fcntl(fd, F_GET_SEALS);
    if (is(verb, "punch"))
        return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, b, c);
    if (is(verb, "allocate"))
        return fallocate(fd, 0, b, c);
    if (is(verb, "dup"))
        return fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return -2;
}

static long long about_memory(const char *verb, long long a, long long b, long long c)
{
    if (is(verb, "map"))
        return map((int)a, (size_t)b, MAP_SHARED, c);
    if (is(verb, "map-private"))
        return map((int)a, (size_t)b, MAP_PRIVATE, c);
    if (is(verb, "remap"))
        return remap((int)a, (int)b);
    if (is(verb, "drop"))
        return madvise(mappings[a].address + b, (size_t)c, MADV_DONTNEED);
    if (is(verb, "remove"))
        return madvise(mappings[a].address + b, (size_t)c, MADV_REMOVE);
    if (is(verb, "unmap"))
        return unmap((int)a);
    if (is(verb, "address"))
        return (long long)(uintptr_t)mappings[a].address;
    if (is(verb, "read"))
        return read_byte((int)a, (size_t)b);
    if (is(verb, "write"))
        return write_byte((int)a, (size_t)b, (int)c);
    return -2;
}

static long long about_process(const char *verb)
{
    if (is(verb, "threads"))
        return count_entries("/proc/self/task", any);
    if (is(verb, "sockets"))
        return count_entries("/proc/self/fd", is_socket);
    if (is(verb, "ram-files"))
        return count_entries("/proc/self/fd", is_ram_file);
    if (is(verb, "leaks"))
        return count_entries("/proc/self/fd", leaks);
    if (is(verb, "open-signals"))
        return open_signals();
    if (is(verb, "try-fcntl"))
        return try_fcntl();
    if (is(verb, "fork-and-exit"))
        return fork_and_exit();
    if (is(verb, "fork-and-exec"))
        return fork_and_exec();
    return -2;
}

/* Commands: VERB [WORD] [NUMBER ...]; exit and _exit alone have no answer. */
int fake_qemu_main(void)
{
    char line[512], verb[32], word[256];

    setvbuf(stdin, NULL, _IONBF, 0); /* a forked child's exit() must not seek in our commands */
    while (fgets(line, sizeof line, stdin) != NULL) {
        long long a = 0, b = 0, c = 0, result;

        word[0] = '\0';
        if (sscanf(line, "%31s %lld %lld %lld", verb, &a, &b, &c) < 2)
            sscanf(line, "%31s %255s %lld %lld %lld", verb, word, &a, &b, &c);
        if (is(verb, "exit"))
            exit(7);
        if (is(verb, "_exit"))
            _exit(7);
        errno = 0;
        result = about_files(verb, word, a, b, c);
        if (result == -2)
            result = about_memory(verb, a, b, c);
        if (result == -2)
            result = about_process(verb);
        printf("%lld %d\n", result, errno);
        fflush(stdout);
    }
    return 0;
}
