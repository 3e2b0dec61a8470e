package org.splitmem.memory.linux;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;

/**
 * A connected stream socket (TCP or Unix) over raw memory addresses: nothing is allocated and nothing is copied in user
 * space by {@code send} and {@code receive}.
 *
 * <p>One thread may send while another receives. Any thread may {@link #shutdown}, which ends blocked calls with an
 * end-of-file; {@link #close} belongs to the owner, once no thread uses the socket.
 */
public final class StreamSocket implements AutoCloseable {
    private static final long DRAIN_MS = 2_000;
    private static final long DRAIN_BYTES = 64L << 20;

    private final Fd fd;
    private final String peer;

    StreamSocket(Fd fd, String peer) {
        this.fd = fd;
        this.peer = peer;
    }

    /**
     * Connects over TCP. Nagle's algorithm is off; a peer that vanishes ends the connection after 10 s.
     *
     * @throws SocketTimeoutException if the peer did not answer in time
     */
    public static StreamSocket connect(InetSocketAddress address, int timeoutMs) throws IOException {
        return connect(address, timeoutMs, socket -> {});
    }

    /** Takes a socket that is about to be connected: a {@link #shutdown} ends that, too. */
    public interface Begun {
        /** @throws IOException if it must not be connected any more */
        void with(StreamSocket socket) throws IOException;
    }

    /** The same, for a caller from which another thread may want to end it. */
    public static StreamSocket connect(InetSocketAddress address, int timeoutMs, Begun begun) throws IOException {
        NativeBlock name = Sockets.inetAddress(address);
        int family = name.getShort(0);
        StreamSocket socket = new StreamSocket(open(family), address.getHostString() + ":" + address.getPort());
        try {
            begun.with(socket);
            connect(socket.fd, name, address.toString(), timeoutMs);
            Sockets.setUpTcp(socket.fd.number());
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    /** Connects to a listener of this host. @throws SocketTimeoutException if it did not accept in time */
    public static StreamSocket connectUnix(String path, int timeoutMs) throws IOException {
        Fd fd = open(Sockets.AF_UNIX);
        try {
            connect(fd, Sockets.unixAddress(path), path, timeoutMs);
            return new StreamSocket(fd, path);
        } catch (IOException e) {
            fd.close();
            throw e;
        } catch (IllegalArgumentException e) { // too long
            fd.close();
            throw new IOException(e.getMessage(), e);
        }
    }

    private static Fd open(int family) throws LinuxException {
        int number = Sockets.socket(family, Sockets.SOCK_STREAM | Sockets.SOCK_CLOEXEC, 0);
        if (number < 0) {
            throw new LinuxException("socket", Errno.last());
        }
        return new Fd(number);
    }

    private static void connect(Fd fd, NativeBlock name, String to, int timeoutMs) throws IOException {
        // SO_SNDTIMEO bounds a blocking connect as well
        Sockets.setTimeout(fd.number(), Sockets.SO_SNDTIMEO, timeoutMs);
        if (Sockets.connect(fd.number(), name.address(), name.size()) != 0) {
            int errno = Errno.last();
            if (errno == Errno.EINPROGRESS || errno == Errno.EAGAIN) {
                throw new SocketTimeoutException("connect(" + to + "): no answer within " + timeoutMs + " ms");
            }
            throw new LinuxException("connect(" + to + ")", errno);
        }
        Sockets.setTimeout(fd.number(), Sockets.SO_SNDTIMEO, 0);
    }

    /** Who is at the other end, for messages. */
    public String peer() {
        return peer;
    }

    /** A receive or send that makes no progress for this long fails with SocketTimeoutException; 0: waits for ever. */
    public void setTimeouts(long receiveMs, long sendMs) throws IOException {
        Sockets.setTimeout(number(), Sockets.SO_RCVTIMEO, receiveMs);
        Sockets.setTimeout(number(), Sockets.SO_SNDTIMEO, sendMs);
    }

    /** Asks for kernel buffers of this many bytes in both directions. */
    public void setBuffers(int bytes) throws IOException {
        Sockets.setInt(number(), Sockets.SOL_SOCKET, Sockets.SO_SNDBUF, bytes);
        Sockets.setInt(number(), Sockets.SOL_SOCKET, Sockets.SO_RCVBUF, bytes);
    }

    /** Sends all bytes; {@code more}: the kernel may wait for what follows before it sends a short packet. */
    public void send(long address, long length, boolean more) throws IOException {
        int flags = Sockets.MSG_NOSIGNAL | (more ? Sockets.MSG_MORE : 0);
        long sent = 0;
        while (sent < length) {
            long n = Sockets.send(number(), address + sent, length - sent, flags);
            if (n < 0) {
                failUnlessInterrupted("send", Errno.last());
            } else {
                sent += n;
            }
        }
    }

    /** Receives exactly {@code length} bytes. @throws EOFException if the peer closed before */
    public void receive(long address, long length) throws IOException {
        if (!receiveOrEnd(address, length)) {
            throw new EOFException("receive: " + peer + " closed the connection");
        }
    }

    /** Like {@link #receive}, but a close before the first byte is an answer. @return false if the peer closed */
    public boolean receiveOrEnd(long address, long length) throws IOException {
        long received = 0;
        while (received < length) {
            long n = Sockets.recv(number(), address + received, length - received, Sockets.MSG_WAITALL);
            if (n < 0) {
                failUnlessInterrupted("receive", Errno.last());
            } else if (n == 0) {
                if (received == 0) {
                    return false;
                }
                throw new EOFException(
                        "receive: " + peer + " closed the connection after " + received + " of " + length + " B");
            } else {
                received += n;
            }
        }
        return true;
    }

    /** Waits for some bytes, as many as there are and have room. @return how many; 0: the peer has closed */
    public int receiveSome(NativeBlock room) throws IOException {
        while (true) {
            long n = Sockets.recv(number(), room.address(), room.size(), 0);
            if (n >= 0) {
                return (int) n;
            }
            failUnlessInterrupted("receive", Errno.last());
        }
    }

    /** Sends a gather list, whole. The list is consumed. */
    public void sendAll(IoVector vector) throws IOException {
        sendAll(vector, false);
    }

    /** @param more as in {@link #send} */
    public void sendAll(IoVector vector, boolean more) throws IOException {
        int flags = Sockets.MSG_NOSIGNAL | (more ? Sockets.MSG_MORE : 0);
        while (!vector.isEmpty()) {
            long n = Sockets.sendmsg(number(), vector.header(), flags);
            if (n < 0) {
                failUnlessInterrupted("sendmsg", Errno.last());
            } else {
                vector.consume(n);
            }
        }
    }

    /**
     * Sends a range of a file without copying it. A broken connection raises SIGPIPE, against which this call has no flag: the JVM ignores it.
     *
     * @param position 8 bytes to work with
     * @throws EOFException if the file ends before
     */
    public void sendFile(Fd file, NativeBlock position, long offset, long length) throws IOException {
        position.putLong(0, offset);
        long left = length;
        while (left > 0) {
            long n = Sockets.sendfile(number(), file.number(), position.address(), left);
            if (n < 0) {
                failUnlessInterrupted("sendfile", Errno.last());
            } else if (n == 0) {
                throw new EOFException("sendfile: the file ends " + left + " B before what was to be sent to " + peer);
            } else {
                left -= n;
            }
        }
        NativeBlock.keep(position);
    }

    /** Fills a scatter list, whole. The list is consumed. */
    public void receiveAll(IoVector vector) throws IOException {
        while (!vector.isEmpty()) {
            long n = Sockets.recvmsg(number(), vector.header(), Sockets.MSG_WAITALL);
            if (n < 0) {
                failUnlessInterrupted("recvmsg", Errno.last());
            } else if (n == 0) {
                throw new EOFException("receive: " + peer + " closed the connection in the middle of a frame");
            } else {
                vector.consume(n);
            }
        }
    }

    /** @throws IOException if this side has closed it, on another thread perhaps */
    private int number() throws IOException {
        int number = fd.numberOrClosed();
        if (number < 0) {
            throw new IOException("the connection with " + peer + " was closed here");
        }
        return number;
    }

    private void failUnlessInterrupted(String call, int errno) throws IOException {
        if (errno == Errno.EINTR) {
            return;
        }
        if (errno == Errno.EAGAIN) {
            throw new SocketTimeoutException(call + ": " + peer + " made no progress within the time limit");
        }
        throw new LinuxException(call + "(" + peer + ")", errno);
    }

    /**
     * Ends the connection in both directions; blocked calls return. Safe from any thread, also after close and during it:
     * under the lock, the number cannot become another file's in between.
     */
    public synchronized void shutdown() {
        if (fd.isOpen()) {
            Sockets.shutdown(fd.number(), Sockets.SHUT_RDWR);
        }
    }

    /**
     * Lets the peer read what was just sent, although it is still sending itself: a close with unread bytes would make the
     * kernel throw the answer away. Bounded in time and in bytes.
     */
    public void drainAfterRefusal() throws IOException {
        setTimeouts(DRAIN_MS, DRAIN_MS);
        Sockets.shutdown(number(), Sockets.SHUT_WR);
        NativeBlock scrap = new NativeBlock(64 * 1024);
        for (long drained = 0; drained < DRAIN_BYTES; ) {
            long n = Sockets.recv(number(), scrap.address(), scrap.size(), 0);
            if (n <= 0) {
                return;
            }
            drained += n;
        }
    }

    Fd fd() {
        return fd;
    }

    @Override
    public synchronized void close() {
        fd.close();
    }
}
