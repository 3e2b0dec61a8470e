package org.splitmem.memory.linux;

import com.sun.jna.Native;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** sys/socket.h, netinet/in.h, sys/un.h and poll.h. Stateless; lengths are bytes, times milliseconds. */
final class Sockets {
    static final int AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10;
    static final int SOCK_STREAM = 1;
    static final int SOCK_CLOEXEC = 0x80000;
    static final int SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_SNDBUF = 7, SO_RCVBUF = 8, SO_KEEPALIVE = 9, SO_PEERCRED = 17;
    static final int SO_PEERPIDFD = 77; // since Linux 6.5
    static final int SO_RCVTIMEO = 20, SO_SNDTIMEO = 21;
    static final int IPPROTO_TCP = 6, TCP_NODELAY = 1, TCP_KEEPIDLE = 4, TCP_KEEPINTVL = 5, TCP_KEEPCNT = 6;
    static final int TCP_USER_TIMEOUT = 18;
    static final int MSG_CTRUNC = 8,
            MSG_WAITALL = 0x100,
            MSG_NOSIGNAL = 0x4000,
            MSG_MORE = 0x8000,
            MSG_CMSG_CLOEXEC = 0x40000000;
    static final int SHUT_WR = 1, SHUT_RDWR = 2;
    static final short POLLIN = 1, POLLERR = 8, POLLNVAL = 32;
    static final int SCM_RIGHTS = 1;

    /** struct msghdr and struct cmsghdr, LP64. */
    static final class MsgHdr {
        static final int NAME = 0,
                NAMELEN = 8,
                IOV = 16,
                IOVLEN = 24,
                CONTROL = 32,
                CONTROLLEN = 40,
                FLAGS = 48,
                SIZE = 56;
    }

    static final class CmsgHdr {
        static final int LEN = 0, LEVEL = 8, TYPE = 12, DATA = 16;
    }

    /** struct pollfd. */
    static final class PollFd {
        static final int FD = 0, EVENTS = 4, REVENTS = 6, SIZE = 8;
    }

    static {
        Native.register(Sockets.class, "c");
    }

    private Sockets() {}

    static native int socket(int domain, int type, int protocol);

    static native int bind(int fd, long address, int length);

    static native int listen(int fd, int backlog);

    static native int connect(int fd, long address, int length);

    static native int accept4(int fd, long address, long length, int flags);

    static native int shutdown(int fd, int how);

    static native int setsockopt(int fd, int level, int name, long value, int length);

    static native int getsockopt(int fd, int level, int name, long value, long length);

    static native long send(int fd, long address, long length, int flags);

    static native long recv(int fd, long address, long length, int flags);

    static native long sendmsg(int fd, long header, int flags);

    static native long recvmsg(int fd, long header, int flags);

    /** sys/sendfile.h; {@code offset} is the address of a 64-bit offset, which moves. */
    static native long sendfile(int fd, int file, long offset, long length);

    static native int poll(long fds, long count, int timeoutMs);

    /** A struct sockaddr for TCP. */
    static NativeBlock inetAddress(InetSocketAddress address) throws UnknownHostException {
        InetAddress ip = address.getAddress();
        if (ip == null) {
            throw new UnknownHostException(address.getHostString());
        }
        byte[] raw = ip.getAddress();
        NativeBlock block = new NativeBlock(raw.length == 4 ? 16 : 28);
        ByteBuffer bytes = block.buffer().duplicate().order(ByteOrder.BIG_ENDIAN);
        block.putShort(0, raw.length == 4 ? AF_INET : AF_INET6);
        bytes.putShort(2, (short) address.getPort());
        bytes.position(raw.length == 4 ? 4 : 8).put(raw);
        return block;
    }

    /** As accept has it. @return as in 192.0.2.1:7780 */
    static String inetText(NativeBlock address) {
        ByteBuffer bytes = address.buffer().duplicate().order(ByteOrder.BIG_ENDIAN);
        boolean v4 = address.getShort(0) == AF_INET;
        byte[] raw = new byte[v4 ? 4 : 16];
        bytes.position(v4 ? 4 : 8).get(raw);
        try {
            return InetAddress.getByAddress(raw).getHostAddress() + ":" + (bytes.getShort(2) & 0xFFFF);
        } catch (UnknownHostException e) {
            throw new AssertionError(e); // its length is right
        }
    }

    /** A struct sockaddr_un. @throws IllegalArgumentException if the path does not fit its 107 bytes */
    static NativeBlock unixAddress(String path) {
        byte[] raw = path.getBytes(StandardCharsets.UTF_8);
        if (raw.length > 107) {
            throw new IllegalArgumentException("socket path is longer than 107 bytes: " + path);
        }
        NativeBlock block = new NativeBlock(110);
        block.putShort(0, AF_UNIX);
        block.buffer().duplicate().position(2).put(raw);
        return block;
    }

    private static final int ON = 1;
    /** A peer is taken for gone after this, whether the connection is idle or waits for an answer of its kernel. */
    static final int VANISHED_MS = 10_000;

    private static final int KEEPALIVE_IDLE_S = 4, KEEPALIVE_EVERY_S = 2, KEEPALIVE_PROBES = 3;

    /**
     * What every TCP connection has: Nagle's algorithm off, and an end if the peer vanishes without a word, as one does that loses its
     * power. Without that the kernel goes on sending for a quarter of an hour, less and less often, and an idle connection stays for ever.
     */
    static void setUpTcp(int fd) throws LinuxException {
        setInt(fd, IPPROTO_TCP, TCP_NODELAY, ON);
        setInt(fd, SOL_SOCKET, SO_KEEPALIVE, ON);
        setInt(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
        setInt(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
        setInt(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
        setInt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, VANISHED_MS);
    }

    static int getInt(int fd, int level, int name) throws LinuxException {
        NativeBlock value = new NativeBlock(4);
        NativeBlock length = new NativeBlock(4).putInt(0, 4);
        int rc = getsockopt(fd, level, name, value.address(), length.address());
        int errno = Errno.last();
        NativeBlock.keep(length);
        if (rc != 0) {
            throw new LinuxException("getsockopt(" + level + ", " + name + ")", errno);
        }
        return value.getInt(0);
    }

    static void setInt(int fd, int level, int name, int value) throws LinuxException {
        NativeBlock block = new NativeBlock(4).putInt(0, value);
        int rc = setsockopt(fd, level, name, block.address(), 4);
        int errno = Errno.last();
        NativeBlock.keep(block);
        if (rc != 0) {
            throw new LinuxException("setsockopt(" + level + ", " + name + ", " + value + ")", errno);
        }
    }

    static void setTimeout(int fd, int name, long millis) throws LinuxException {
        NativeBlock block = new NativeBlock(16).putLong(0, millis / 1000).putLong(8, millis % 1000 * 1000);
        int rc = setsockopt(fd, SOL_SOCKET, name, block.address(), 16);
        int errno = Errno.last();
        NativeBlock.keep(block);
        if (rc != 0) {
            throw new LinuxException("setsockopt(timeout " + millis + " ms)", errno);
        }
    }
}
