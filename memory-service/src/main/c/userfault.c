#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/userfaultfd.h of 6.7; older headers lack them, the kernel decides at run time. */
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* Not EVENT_REMOVE: our own zap would wait for the daemon to read the event while the daemon waits for the zap. */
static const uint64_t WANTED = UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_PAGEFAULT_FLAG_WP
    | UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC;

/*
 * KVM faults in kernel mode, so UFFD_USER_MODE_ONLY is no way out for an unprivileged QEMU: its faults on remote pages
 * would fail. The device needs no capability, and the daemon may have opened it: what counts is who makes the ioctl.
 */
static int create(int device)
{
    int flags = O_CLOEXEC | O_NONBLOCK;
    int uffd = (int)syscall(SYS_userfaultfd, flags);
    int own = -1;

    if (uffd >= 0 || (errno != EPERM && errno != ENOSYS)) /* ENOSYS: what some seccomp filters say */
        return uffd;
    if (device < 0)
        device = own = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
    if (device < 0) {
        errno = EPERM;
        return -1;
    }
    uffd = ioctl(device, USERFAULTFD_IOC_NEW, flags);
    if (own >= 0) {
        int err = errno;
        close(own);
        errno = err;
    }
    return uffd;
}

/* Which of the wanted features the kernel does not have: a refused UFFDIO_API does not tell. */
static uint64_t missing_features(int device)
{
    struct uffdio_api api = {.api = UFFD_API};
    int uffd = create(device);
    uint64_t missing = WANTED;

    if (uffd >= 0 && ioctl(uffd, UFFDIO_API, &api) == 0)
        missing = WANTED & ~(uint64_t)api.features;
    if (uffd >= 0)
        close(uffd);
    return missing;
}

int userfault_open(int device, uint64_t *features, char *error, size_t size)
{
    struct uffdio_api api = {.api = UFFD_API, .features = WANTED};
    int uffd = create(device);
    int err = errno;

    if (uffd < 0) {
        snprintf(error, size, "no userfaultfd: %s (%d)%s", strerror(err), err,
            err == EPERM ? "; QEMU needs /dev/userfaultfd, CAP_SYS_PTRACE or vm.unprivileged_userfaultfd=1" : "");
        return -err;
    }
    if (ioctl(uffd, UFFDIO_API, &api) == 0) {
        *features = api.features;
        return uffd;
    }
    err = errno;
    close(uffd);
    if (err != EINVAL) {
        snprintf(error, size, "UFFDIO_API: %s (%d)", strerror(err), err);
        return -err;
    }
    snprintf(error, size, "the kernel lacks the userfaultfd features 0x%llx; Linux 6.7 has them",
        (unsigned long long)missing_features(device));
    return -ENOTSUP;
}

bool userfault_knows_modes(uint64_t modes)
{
    return (modes & ~(UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR)) == 0;
}

int userfault_set_modes(int uffd, uint64_t address, uint64_t length, uint64_t modes)
{
    struct uffdio_range range = {.start = address, .len = length};
    struct uffdio_register registration = {.range = range, .mode = modes};

    if (modes != 0)
        return ioctl(uffd, UFFDIO_REGISTER, &registration) == 0 ? 0 : errno;
    if (ioctl(uffd, UFFDIO_UNREGISTER, &range) != 0)
        return errno;
    /* The kernel wakes the waiters only where MISSING was registered: a vCPU waiting for a MINOR fault would hang. */
    return ioctl(uffd, UFFDIO_WAKE, &range) == 0 ? 0 : errno;
}
