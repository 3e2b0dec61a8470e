package org.splitmem.memory.linux;

import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** SCM_RIGHTS and SO_PEERCRED on Unix sockets. Stateless. */
public final class FdPassing {
    /** Who is at the other end of a Unix socket, as the kernel vouches. */
    public record Peer(int pid, int uid, int gid) {}

    /** CMSG_SPACE(sizeof(int)), and CMSG_LEN(sizeof(int)). */
    private static final int CONTROL_SPACE = 24, CONTROL_LENGTH = 20;

    private FdPassing() {}

    public static Peer peer(StreamSocket socket) throws LinuxException {
        NativeBlock credentials = new NativeBlock(16).putInt(12, 12);
        int rc = Sockets.getsockopt(
                socket.fd().number(),
                Sockets.SOL_SOCKET,
                Sockets.SO_PEERCRED,
                credentials.address(),
                credentials.address() + 12);
        int errno = Errno.last();
        NativeBlock.keep(credentials);
        if (rc != 0) {
            throw new LinuxException("getsockopt(SO_PEERCRED)", errno);
        }
        return new Peer(credentials.getInt(0), credentials.getInt(4), credentials.getInt(8));
    }

    /** The process that {@link #peer} names, and no later one with its number: readable once it has exited. The caller's. */
    public static Fd peerProcess(StreamSocket socket) throws LinuxException {
        return new Fd(Sockets.getInt(socket.fd().number(), Sockets.SOL_SOCKET, Sockets.SO_PEERPIDFD));
    }

    /** Sends a whole message with an optional descriptor, which stays the caller's. */
    public static void send(StreamSocket socket, NativeBlock message, @Nullable Fd passed) throws IOException {
        if (passed == null) {
            socket.send(message.address(), message.size(), false);
            return;
        }
        NativeBlock control = new NativeBlock(CONTROL_SPACE);
        control.putLong(Sockets.CmsgHdr.LEN, CONTROL_LENGTH)
                .putInt(Sockets.CmsgHdr.LEVEL, Sockets.SOL_SOCKET)
                .putInt(Sockets.CmsgHdr.TYPE, Sockets.SCM_RIGHTS)
                .putInt(Sockets.CmsgHdr.DATA, passed.number());
        NativeBlock range = new NativeBlock(16).putLong(0, message.address()).putLong(8, message.size());
        NativeBlock header = header(range, control);
        long sent = Sockets.sendmsg(socket.fd().number(), header.address(), Sockets.MSG_NOSIGNAL);
        int errno = Errno.last();
        NativeBlock.keep(control, range, header);
        if (sent < 0) {
            throw new LinuxException("sendmsg(SCM_RIGHTS)", errno);
        }
        if (sent < message.size()) { // the descriptor went with the first byte
            socket.send(message.address() + sent, message.size() - sent, false);
        }
    }

    /**
     * Receives a whole message and the descriptor that came with its first byte. The caller owns the result.
     *
     * @throws IOException also if more than one came: all are closed
     */
    public static @Nullable Fd receive(StreamSocket socket, NativeBlock message) throws IOException {
        NativeBlock control = new NativeBlock(CONTROL_SPACE);
        NativeBlock range = new NativeBlock(16).putLong(0, message.address()).putLong(8, message.size());
        NativeBlock header = header(range, control);
        long received = Sockets.recvmsg(socket.fd().number(), header.address(), Sockets.MSG_CMSG_CLOEXEC);
        int errno = Errno.last();
        NativeBlock.keep(range);
        if (received < 0) {
            throw new LinuxException("recvmsg", errno);
        }
        if (received == 0) {
            throw new EOFException("receive: " + socket.peer() + " closed the connection");
        }
        Fd passed = passedIn(header, control);
        if (received < message.size()) {
            try { // by recv, with which the kernel drops descriptors
                socket.receive(message.address() + received, message.size() - received);
            } catch (IOException e) {
                if (passed != null) {
                    passed.close();
                }
                throw e;
            }
        }
        return passed;
    }

    private static NativeBlock header(NativeBlock range, NativeBlock control) {
        return new NativeBlock(Sockets.MsgHdr.SIZE)
                .putLong(Sockets.MsgHdr.IOV, range.address())
                .putLong(Sockets.MsgHdr.IOVLEN, 1)
                .putLong(Sockets.MsgHdr.CONTROL, control.address())
                .putLong(Sockets.MsgHdr.CONTROLLEN, control.size());
    }

    private static @Nullable Fd passedIn(NativeBlock header, NativeBlock control) throws IOException {
        List<Fd> all = allIn(header, control);
        boolean cut = (header.getInt(Sockets.MsgHdr.FLAGS) & Sockets.MSG_CTRUNC) != 0;
        if (all.size() > 1 || cut) {
            all.forEach(Fd::close);
            throw new IOException("more than one descriptor came with a message");
        }
        return all.isEmpty() ? null : all.get(0);
    }

    /** There is room for one header, and behind it, by its padding, for two descriptors. */
    private static List<Fd> allIn(NativeBlock header, NativeBlock control) {
        List<Fd> all = new ArrayList<>();
        long filled = header.getLong(Sockets.MsgHdr.CONTROLLEN);
        boolean rights = filled >= CONTROL_LENGTH
                && control.getInt(Sockets.CmsgHdr.LEVEL) == Sockets.SOL_SOCKET
                && control.getInt(Sockets.CmsgHdr.TYPE) == Sockets.SCM_RIGHTS;
        if (rights) {
            long end = Math.min(control.getLong(Sockets.CmsgHdr.LEN), control.size());
            for (int at = Sockets.CmsgHdr.DATA; at + Integer.BYTES <= end; at += Integer.BYTES) {
                all.add(new Fd(control.getInt(at)));
            }
        }
        return all;
    }
}
