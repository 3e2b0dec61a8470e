/*
 * What a QEMU that is not ours any more may do to the shim socket: pass descriptors where none belong, too many of them, or what is no
 * userfaultfd. Prints the daemon's answers.
 *
 * usage: pass_descriptors SOCKET VM hello|second|mapped NUMBER
 *        pass_descriptors SOCKET VM uffd zero|raw|blocking|ready ADDRESS LENGTH
 */
#define _GNU_SOURCE
#include "../../../main/c/shim_protocol.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST = 253 }; /* SCM_MAX_FD */

static int daemon_socket;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void send_with(const void *bytes, size_t length, int fd, int count)
{
    union {
        char bytes[CMSG_SPACE(MOST * sizeof(int))];
        struct cmsghdr header;
    } control = {0};
    struct iovec all = {(void *)bytes, length};
    struct msghdr header = {.msg_iov = &all, .msg_iovlen = 1};

    if (count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        for (int i = 0; i < count; i++)
            memcpy(CMSG_DATA(rights) + (size_t)i * sizeof fd, &fd, sizeof fd);
    }
    if (sendmsg(daemon_socket, &header, MSG_NOSIGNAL) < 0)
        fail("sendmsg");
}

static struct shim_message message(enum shim_type type)
{
    struct shim_message m = {.magic = SHIM_MAGIC, .version = SHIM_VERSION, .type = type, .seq = 1};

    return m;
}

/* Of as many answers as come before the daemon hangs up, the texts. */
static void print_answers(void)
{
    struct shim_message m;

    while (recv(daemon_socket, &m, sizeof m, MSG_WAITALL) == sizeof m)
        printf("type %u: %.*s\n", m.type, (int)sizeof m.text, m.text);
}

static int userfault(const char *what)
{
    struct uffdio_api api = {.api = UFFD_API};
    int flags = O_CLOEXEC | (strcmp(what, "blocking") == 0 ? 0 : O_NONBLOCK);
    int fd = strcmp(what, "zero") == 0 ? open("/dev/zero", O_RDWR) : (int)syscall(SYS_userfaultfd, flags);

    if (fd < 0)
        fail(what);
    if ((strcmp(what, "ready") == 0 || strcmp(what, "blocking") == 0) && ioctl(fd, UFFDIO_API, &api) != 0)
        fail("UFFDIO_API");
    return fd;
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct shim_message hello = message(SHIM_HELLO), mapped = message(SHIM_MAPPED);
    int passed = memfd_create("passed", MFD_CLOEXEC), count;

    if (argc < 5)
        return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    daemon_socket = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(daemon_socket, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    hello.arg = SHIM_ROLE_SERVICE;
    hello.b = 1;
    snprintf(hello.text, sizeof hello.text, "%s", argv[2]);
    count = atoi(argv[4]);
    if (strcmp(argv[3], "hello") == 0) {
        send_with(&hello, sizeof hello, passed, count);
    } else if (strcmp(argv[3], "second") == 0) { /* behind the first bytes of a message; then a message that may have none */
        send_with(&hello, 16, -1, 0);
        send_with((char *)&hello + 16, sizeof hello - 16, passed, count);
        mapped.type = SHIM_OPEN;
        send_with(&mapped, sizeof mapped, passed, 1);
    } else if (strcmp(argv[3], "mapped") == 0) {
        send_with(&hello, sizeof hello, -1, 0);
        send_with(&mapped, sizeof mapped, passed, count);
    } else if (argc == 7) {
        send_with(&hello, sizeof hello, -1, 0);
        mapped.a = strtoull(argv[5], NULL, 0);
        mapped.b = (uint64_t)strtoll(argv[6], NULL, 0);
        send_with(&mapped, sizeof mapped, userfault(argv[4]), 1);
    }
    print_answers();
    return 0;
}
