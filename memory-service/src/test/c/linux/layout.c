/*
 * Prints how the installed headers lay out what the daemon passes to the kernel: one "name value" a line, for LayoutTest.
 * What Linux 6.1's headers lack is declared here as the kernel's own header has it, and says since when.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/types.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD /* include/uapi/asm-generic/socket.h, since Linux 6.5 */
#define SO_PEERPIDFD 77
#endif
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM /* include/uapi/linux/userfaultfd.h, since Linux 5.19 */
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED /* include/uapi/linux/userfaultfd.h, since Linux 6.4 */
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC /* include/uapi/linux/userfaultfd.h, since Linux 6.7 */
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#ifndef USERFAULTFD_IOC_NEW /* include/uapi/linux/userfaultfd.h, since Linux 6.1 */
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif
#ifndef PAGEMAP_SCAN /* include/uapi/linux/fs.h, since Linux 6.7 */
#define PAGE_IS_WRITTEN (1 << 1)
#define PM_SCAN_WP_MATCHING (1 << 0)
struct page_region {
    __u64 start;
    __u64 end;
    __u64 categories;
};
struct pm_scan_arg {
    __u64 size;
    __u64 flags;
    __u64 start;
    __u64 end;
    __u64 walk_end;
    __u64 vec;
    __u64 vec_len;
    __u64 max_pages;
    __u64 category_inverted;
    __u64 category_mask;
    __u64 category_anyof_mask;
    __u64 return_mask;
};
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#endif

#define VALUE(name) printf("%s %lld\n", #name, (long long)(name))
#define SIZE(type) printf("sizeof(" #type ") %zu\n", sizeof(type))
#define OFFSET(type, field) printf(#type "." #field " %zu\n", offsetof(type, field))

static void userfault(void)
{
    SIZE(struct uffd_msg);
    OFFSET(struct uffd_msg, event);
    OFFSET(struct uffd_msg, arg.pagefault.flags);
    OFFSET(struct uffd_msg, arg.pagefault.address);
    SIZE(struct uffdio_range);
    OFFSET(struct uffdio_range, start);
    OFFSET(struct uffdio_range, len);
    SIZE(struct uffdio_zeropage);
    OFFSET(struct uffdio_zeropage, mode);
    OFFSET(struct uffdio_zeropage, zeropage);
    SIZE(struct uffdio_continue);
    OFFSET(struct uffdio_continue, mode);
    OFFSET(struct uffdio_continue, mapped);
    SIZE(struct uffdio_api);
    OFFSET(struct uffdio_api, api);
    OFFSET(struct uffdio_api, features);
    OFFSET(struct uffdio_api, ioctls);
    VALUE(UFFDIO_API);
    VALUE(UFFDIO_WAKE);
    VALUE(UFFDIO_ZEROPAGE);
    VALUE(UFFDIO_CONTINUE);
    VALUE(USERFAULTFD_IOC_NEW);
    VALUE(UFFD_EVENT_PAGEFAULT);
    VALUE(UFFD_PAGEFAULT_FLAG_MINOR);
    VALUE(UFFDIO_REGISTER_MODE_MISSING);
    VALUE(UFFDIO_REGISTER_MODE_WP);
    VALUE(UFFDIO_REGISTER_MODE_MINOR);
    VALUE(UFFD_FEATURE_PAGEFAULT_FLAG_WP);
    VALUE(UFFD_FEATURE_MISSING_SHMEM);
    VALUE(UFFD_FEATURE_MINOR_SHMEM);
    VALUE(UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
    VALUE(UFFD_FEATURE_WP_UNPOPULATED);
    VALUE(UFFD_FEATURE_WP_ASYNC);
}

static void pagemap(void)
{
    VALUE(PAGEMAP_SCAN);
    SIZE(struct page_region);
    OFFSET(struct page_region, start);
    OFFSET(struct page_region, end);
    OFFSET(struct page_region, categories);
    SIZE(struct pm_scan_arg);
    OFFSET(struct pm_scan_arg, size);
    OFFSET(struct pm_scan_arg, flags);
    OFFSET(struct pm_scan_arg, start);
    OFFSET(struct pm_scan_arg, end);
    OFFSET(struct pm_scan_arg, walk_end);
    OFFSET(struct pm_scan_arg, vec);
    OFFSET(struct pm_scan_arg, vec_len);
    OFFSET(struct pm_scan_arg, max_pages);
    OFFSET(struct pm_scan_arg, category_inverted);
    OFFSET(struct pm_scan_arg, category_mask);
    OFFSET(struct pm_scan_arg, category_anyof_mask);
    OFFSET(struct pm_scan_arg, return_mask);
}

static void sockets(void)
{
    SIZE(struct flock);
    OFFSET(struct flock, l_type);
    OFFSET(struct flock, l_whence);
    OFFSET(struct flock, l_start);
    OFFSET(struct flock, l_len);
    OFFSET(struct flock, l_pid);
    VALUE(F_WRLCK);
    VALUE(F_GETLK);
    VALUE(F_GETFL);
    SIZE(struct msghdr);
    OFFSET(struct msghdr, msg_name);
    OFFSET(struct msghdr, msg_namelen);
    OFFSET(struct msghdr, msg_iov);
    OFFSET(struct msghdr, msg_iovlen);
    OFFSET(struct msghdr, msg_control);
    OFFSET(struct msghdr, msg_controllen);
    OFFSET(struct msghdr, msg_flags);
    OFFSET(struct cmsghdr, cmsg_len);
    OFFSET(struct cmsghdr, cmsg_level);
    OFFSET(struct cmsghdr, cmsg_type);
    printf("CMSG_DATA %zu\n", CMSG_LEN(0));
    printf("CMSG_SPACE %zu\n", CMSG_SPACE(sizeof(int)));
    SIZE(struct iovec);
    OFFSET(struct iovec, iov_base);
    OFFSET(struct iovec, iov_len);
    SIZE(struct pollfd);
    OFFSET(struct pollfd, fd);
    OFFSET(struct pollfd, events);
    OFFSET(struct pollfd, revents);
    SIZE(struct sockaddr_un);
    SIZE(struct sockaddr_in);
    SIZE(struct sockaddr_in6);
    SIZE(struct ucred);
    VALUE(AF_UNIX);
    VALUE(AF_INET);
    VALUE(AF_INET6);
    VALUE(SOCK_STREAM);
    VALUE(SOCK_CLOEXEC);
    VALUE(SOL_SOCKET);
    VALUE(SO_REUSEADDR);
    VALUE(SO_SNDBUF);
    VALUE(SO_RCVBUF);
    VALUE(SO_PEERCRED);
    VALUE(SO_PEERPIDFD);
    VALUE(SO_RCVTIMEO);
    VALUE(SO_SNDTIMEO);
    VALUE(IPPROTO_TCP);
    VALUE(TCP_NODELAY);
    VALUE(MSG_WAITALL);
    VALUE(MSG_CTRUNC);
    VALUE(MSG_NOSIGNAL);
    VALUE(MSG_MORE);
    VALUE(MSG_CMSG_CLOEXEC);
    VALUE(SHUT_WR);
    VALUE(SHUT_RDWR);
    VALUE(POLLIN);
    VALUE(POLLERR);
    VALUE(POLLNVAL);
    VALUE(SCM_RIGHTS);
    VALUE(IOV_MAX);
}

static void files(void)
{
    VALUE(O_RDONLY);
    VALUE(O_RDWR);
    VALUE(O_CREAT);
    VALUE(O_CLOEXEC);
    VALUE(O_NONBLOCK);
    VALUE(EFD_CLOEXEC);
    VALUE(EFD_NONBLOCK);
    VALUE(SEEK_DATA);
    VALUE(SEEK_HOLE);
    VALUE(FALLOC_FL_KEEP_SIZE);
    VALUE(FALLOC_FL_PUNCH_HOLE);
    VALUE(EPERM);
    VALUE(ENOENT);
    VALUE(ESRCH);
    VALUE(EINTR);
    VALUE(ENXIO);
    VALUE(EAGAIN);
    VALUE(EFAULT);
    VALUE(EEXIST);
    VALUE(EINVAL);
    VALUE(ENOTTY);
    VALUE(EINPROGRESS);
}

int main(void)
{
    userfault();
    pagemap();
    sockets();
    files();
    return 0;
}
