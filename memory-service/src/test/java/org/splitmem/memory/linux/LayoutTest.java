package org.splitmem.memory.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.linux.Pagemap.PageRegion;
import org.splitmem.memory.linux.Pagemap.PmScanArg;
import org.splitmem.memory.linux.Processes.Flock;
import org.splitmem.memory.linux.Sockets.CmsgHdr;
import org.splitmem.memory.linux.Sockets.MsgHdr;
import org.splitmem.memory.linux.Sockets.PollFd;
import org.splitmem.memory.linux.Userfaultfd.UffdMsg;
import org.splitmem.memory.linux.Userfaultfd.UffdioApi;
import org.splitmem.memory.linux.Userfaultfd.UffdioContinue;
import org.splitmem.memory.linux.Userfaultfd.UffdioRange;
import org.splitmem.memory.linux.Userfaultfd.UffdioZeropage;
import org.splitmem.memory.testing.Gcc;

/** Our constants are those of the C headers. */
class LayoutTest {
    private static final Map<String, Long> HEADERS = new HashMap<>();

    @BeforeAll
    static void compile(@TempDir Path directory) throws Exception {
        Path program = Gcc.compile("linux/layout.c", directory.resolve("layout"));
        Process run = new ProcessBuilder(program.toString()).start();
        String output = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(run.waitFor()).isZero();
        output.lines().forEach(line -> {
            int space = line.lastIndexOf(' ');
            HEADERS.put(line.substring(0, space), Long.parseLong(line.substring(space + 1)));
        });
    }

    /** @param pairs of a name, as the C file prints it, and our value */
    private static void assertSame(Object... pairs) {
        for (int i = 0; i < pairs.length; i += 2) {
            assertThat(((Number) pairs[i + 1]).longValue())
                    .as(pairs[i].toString())
                    .isEqualTo(HEADERS.get(pairs[i].toString()));
        }
    }

    @Test
    void userfaultfdHasTheKernelsLayout() {
        assertSame(
                "sizeof(struct uffd_msg)", UffdMsg.SIZE,
                "struct uffd_msg.event", UffdMsg.EVENT,
                "struct uffd_msg.arg.pagefault.flags", UffdMsg.PAGEFAULT_FLAGS,
                "struct uffd_msg.arg.pagefault.address", UffdMsg.PAGEFAULT_ADDRESS,
                "sizeof(struct uffdio_range)", UffdioRange.SIZE,
                "struct uffdio_range.start", UffdioRange.START,
                "struct uffdio_range.len", UffdioRange.LEN,
                "sizeof(struct uffdio_zeropage)", UffdioZeropage.SIZE,
                "struct uffdio_range.start", UffdioZeropage.START,
                "struct uffdio_range.len", UffdioZeropage.LEN,
                "struct uffdio_zeropage.mode", UffdioZeropage.MODE,
                "struct uffdio_zeropage.zeropage", UffdioZeropage.ZEROPAGE,
                "sizeof(struct uffdio_continue)", UffdioContinue.SIZE,
                "struct uffdio_range.start", UffdioContinue.START,
                "struct uffdio_range.len", UffdioContinue.LEN,
                "struct uffdio_continue.mode", UffdioContinue.MODE,
                "struct uffdio_continue.mapped", UffdioContinue.MAPPED,
                "sizeof(struct uffdio_api)", UffdioApi.SIZE,
                "struct uffdio_api.api", UffdioApi.API,
                "struct uffdio_api.features", UffdioApi.FEATURES,
                "struct uffdio_api.ioctls", UffdioApi.IOCTLS);
        assertThat(Userfaultfd.ARGUMENT_SIZE).isGreaterThanOrEqualTo(UffdioContinue.SIZE);
    }

    @Test
    void userfaultfdHasTheKernelsNumbers() {
        assertSame(
                "UFFDIO_API", Userfaultfd.UFFDIO_API,
                "UFFDIO_WAKE", Userfaultfd.UFFDIO_WAKE,
                "UFFDIO_ZEROPAGE", Userfaultfd.UFFDIO_ZEROPAGE,
                "UFFDIO_CONTINUE", Userfaultfd.UFFDIO_CONTINUE,
                "USERFAULTFD_IOC_NEW", Userfaultfd.USERFAULTFD_IOC_NEW,
                "UFFD_EVENT_PAGEFAULT", UffdMsg.UFFD_EVENT_PAGEFAULT,
                "UFFD_PAGEFAULT_FLAG_MINOR", UffdMsg.UFFD_PAGEFAULT_FLAG_MINOR,
                "UFFDIO_REGISTER_MODE_MISSING", Userfaultfd.REGISTER_MODE_MISSING,
                "UFFDIO_REGISTER_MODE_WP", Userfaultfd.REGISTER_MODE_WP,
                "UFFDIO_REGISTER_MODE_MINOR", Userfaultfd.REGISTER_MODE_MINOR,
                "UFFD_FEATURE_PAGEFAULT_FLAG_WP", Userfaultfd.UFFD_FEATURE_PAGEFAULT_FLAG_WP,
                "UFFD_FEATURE_MISSING_SHMEM", Userfaultfd.UFFD_FEATURE_MISSING_SHMEM,
                "UFFD_FEATURE_MINOR_SHMEM", Userfaultfd.UFFD_FEATURE_MINOR_SHMEM,
                "UFFD_FEATURE_WP_HUGETLBFS_SHMEM", Userfaultfd.UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
                "UFFD_FEATURE_WP_UNPOPULATED", Userfaultfd.UFFD_FEATURE_WP_UNPOPULATED,
                "UFFD_FEATURE_WP_ASYNC", Userfaultfd.UFFD_FEATURE_WP_ASYNC);
    }

    @Test
    void pagemapHasTheKernelsLayout() {
        assertSame(
                "PAGEMAP_SCAN", Pagemap.PAGEMAP_SCAN,
                "sizeof(struct page_region)", PageRegion.SIZE,
                "struct page_region.start", PageRegion.START,
                "struct page_region.end", PageRegion.END,
                "struct page_region.categories", PageRegion.CATEGORIES,
                "sizeof(struct pm_scan_arg)", PmScanArg.SIZE,
                "struct pm_scan_arg.size", PmScanArg.SIZE_FIELD,
                "struct pm_scan_arg.flags", PmScanArg.FLAGS,
                "struct pm_scan_arg.start", PmScanArg.START,
                "struct pm_scan_arg.end", PmScanArg.END,
                "struct pm_scan_arg.walk_end", PmScanArg.WALK_END,
                "struct pm_scan_arg.vec", PmScanArg.VEC,
                "struct pm_scan_arg.vec_len", PmScanArg.VEC_LEN,
                "struct pm_scan_arg.max_pages", PmScanArg.MAX_PAGES,
                "struct pm_scan_arg.category_inverted", PmScanArg.CATEGORY_INVERTED,
                "struct pm_scan_arg.category_mask", PmScanArg.CATEGORY_MASK,
                "struct pm_scan_arg.category_anyof_mask", PmScanArg.CATEGORY_ANYOF_MASK,
                "struct pm_scan_arg.return_mask", PmScanArg.RETURN_MASK);
    }

    @Test
    void socketsHaveTheCLibrarysLayout() {
        assertSame(
                "sizeof(struct flock)", Flock.SIZE,
                "struct flock.l_type", Flock.TYPE,
                "struct flock.l_whence", Flock.WHENCE,
                "struct flock.l_start", Flock.START,
                "struct flock.l_len", Flock.LEN,
                "struct flock.l_pid", Flock.PID,
                "sizeof(struct msghdr)", MsgHdr.SIZE,
                "struct msghdr.msg_name", MsgHdr.NAME,
                "struct msghdr.msg_namelen", MsgHdr.NAMELEN,
                "struct msghdr.msg_iov", MsgHdr.IOV,
                "struct msghdr.msg_iovlen", MsgHdr.IOVLEN,
                "struct msghdr.msg_control", MsgHdr.CONTROL,
                "struct msghdr.msg_controllen", MsgHdr.CONTROLLEN,
                "struct msghdr.msg_flags", MsgHdr.FLAGS,
                "struct cmsghdr.cmsg_len", CmsgHdr.LEN,
                "struct cmsghdr.cmsg_level", CmsgHdr.LEVEL,
                "struct cmsghdr.cmsg_type", CmsgHdr.TYPE,
                "CMSG_DATA", CmsgHdr.DATA,
                "sizeof(struct pollfd)", PollFd.SIZE,
                "struct pollfd.fd", PollFd.FD,
                "struct pollfd.events", PollFd.EVENTS,
                "struct pollfd.revents", PollFd.REVENTS,
                "sizeof(struct sockaddr_un)", Sockets.unixAddress("/x").size(),
                "IOV_MAX", IoVector.MAX_RANGES);
    }

    @Test
    void socketsHaveTheCLibrarysNumbers() {
        assertSame(
                "AF_UNIX", Sockets.AF_UNIX,
                "AF_INET", Sockets.AF_INET,
                "AF_INET6", Sockets.AF_INET6,
                "SOCK_STREAM", Sockets.SOCK_STREAM,
                "SOCK_CLOEXEC", Sockets.SOCK_CLOEXEC,
                "SOL_SOCKET", Sockets.SOL_SOCKET,
                "SO_REUSEADDR", Sockets.SO_REUSEADDR,
                "SO_SNDBUF", Sockets.SO_SNDBUF,
                "SO_RCVBUF", Sockets.SO_RCVBUF,
                "SO_PEERCRED", Sockets.SO_PEERCRED,
                "SO_PEERPIDFD", Sockets.SO_PEERPIDFD,
                "F_WRLCK", Flock.F_WRLCK,
                "F_GETLK", Processes.F_GETLK,
                "F_GETFL", Unistd.F_GETFL,
                "SO_RCVTIMEO", Sockets.SO_RCVTIMEO,
                "SO_SNDTIMEO", Sockets.SO_SNDTIMEO,
                "IPPROTO_TCP", Sockets.IPPROTO_TCP,
                "TCP_NODELAY", Sockets.TCP_NODELAY,
                "MSG_WAITALL", Sockets.MSG_WAITALL,
                "MSG_CTRUNC", Sockets.MSG_CTRUNC,
                "MSG_NOSIGNAL", Sockets.MSG_NOSIGNAL,
                "MSG_MORE", Sockets.MSG_MORE,
                "MSG_CMSG_CLOEXEC", Sockets.MSG_CMSG_CLOEXEC,
                "SHUT_WR", Sockets.SHUT_WR,
                "SHUT_RDWR", Sockets.SHUT_RDWR,
                "POLLIN", Sockets.POLLIN,
                "POLLERR", Sockets.POLLERR,
                "POLLNVAL", Sockets.POLLNVAL,
                "SCM_RIGHTS", Sockets.SCM_RIGHTS);
    }

    @Test
    void filesAndErrorsHaveTheCLibrarysNumbers() {
        assertSame(
                "O_RDONLY", Unistd.O_RDONLY,
                "O_RDWR", Unistd.O_RDWR,
                "O_CREAT", Unistd.O_CREAT,
                "O_CLOEXEC", Unistd.O_CLOEXEC,
                "O_NONBLOCK", Unistd.O_NONBLOCK,
                "EFD_CLOEXEC", Unistd.O_CLOEXEC,
                "EFD_NONBLOCK", Unistd.O_NONBLOCK,
                "SEEK_DATA", Unistd.SEEK_DATA,
                "SEEK_HOLE", Unistd.SEEK_HOLE,
                "FALLOC_FL_KEEP_SIZE", Unistd.FALLOC_FL_KEEP_SIZE,
                "FALLOC_FL_PUNCH_HOLE", Unistd.FALLOC_FL_PUNCH_HOLE,
                "EPERM", Errno.EPERM,
                "ENOENT", Errno.ENOENT,
                "ESRCH", Errno.ESRCH,
                "EINTR", Errno.EINTR,
                "ENXIO", Errno.ENXIO,
                "EAGAIN", Errno.EAGAIN,
                "EFAULT", Errno.EFAULT,
                "EEXIST", Errno.EEXIST,
                "EINVAL", Errno.EINVAL,
                "ENOTTY", Errno.ENOTTY,
                "EINPROGRESS", Errno.EINPROGRESS);
    }
}
