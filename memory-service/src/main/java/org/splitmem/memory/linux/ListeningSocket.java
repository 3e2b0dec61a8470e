package org.splitmem.memory.linux;

import java.io.IOException;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/** A listening stream socket. One thread accepts; any thread may {@link #shutdown}. */
public final class ListeningSocket implements AutoCloseable {
    private static final int BACKLOG = 256;
    /** Of a struct sockaddr_un, the largest. */
    private static final int ADDRESS_BYTES = 110;

    private final Fd fd;
    private final boolean tcp;
    // The accepting thread's. Fields, since the kernel writes to them when a peer connects: the JVM may have freed a
    // local
    // variable by then.
    private final NativeBlock from = new NativeBlock(ADDRESS_BYTES);
    private final NativeBlock fromLength = new NativeBlock(Integer.BYTES);

    private ListeningSocket(Fd fd, boolean tcp) {
        this.fd = fd;
        this.tcp = tcp;
    }

    public static ListeningSocket tcp(InetSocketAddress address) throws IOException {
        NativeBlock name = Sockets.inetAddress(address);
        return listen(name, true, address.toString());
    }

    /** Listens on a path that must not exist; the caller sets its file mode. */
    public static ListeningSocket unix(String path) throws IOException {
        return listen(Sockets.unixAddress(path), false, path);
    }

    private static ListeningSocket listen(NativeBlock name, boolean tcp, String where) throws IOException {
        int number = Sockets.socket(name.getShort(0), Sockets.SOCK_STREAM | Sockets.SOCK_CLOEXEC, 0);
        if (number < 0) {
            throw new LinuxException("socket", Errno.last());
        }
        Fd fd = new Fd(number);
        try {
            if (tcp) {
                Sockets.setInt(number, Sockets.SOL_SOCKET, Sockets.SO_REUSEADDR, 1);
            }
            if (Sockets.bind(number, name.address(), name.size()) != 0) {
                throw new LinuxException("bind(" + where + ")", Errno.last());
            }
            if (Sockets.listen(number, BACKLOG) != 0) {
                throw new LinuxException("listen(" + where + ")", Errno.last());
            }
            return new ListeningSocket(fd, tcp);
        } catch (IOException e) {
            fd.close();
            throw e;
        }
    }

    /** What is done with a peer, by which it is closed in the end. */
    public interface Taker {
        void take(StreamSocket peer) throws IOException;
    }

    /**
     * Waits for a peer, and hands it on; one that cannot be taken, there being no thread for it say, is closed.
     *
     * @return false once the socket was shut down
     */
    public boolean acceptOne(Taker taker) throws IOException {
        StreamSocket peer = accept();
        if (peer == null) {
            return false;
        }
        boolean taken = false;
        try {
            taker.take(peer);
            taken = true;
        } finally {
            if (!taken) {
                peer.close();
            }
        }
        return true;
    }

    /** Waits for a peer. @return null once the socket was shut down */
    public @Nullable StreamSocket accept() throws IOException {
        while (true) {
            fromLength.putInt(0, ADDRESS_BYTES);
            int number = Sockets.accept4(fd.number(), from.address(), fromLength.address(), Sockets.SOCK_CLOEXEC);
            if (number >= 0) {
                StreamSocket peer = accepted(new Fd(number));
                if (peer != null) {
                    return peer;
                }
                continue;
            }
            int errno = Errno.last();
            if (errno == Errno.EINVAL) {
                return null;
            }
            if (errno != Errno.EINTR && errno != 103) { // ECONNABORTED: that peer gave up, others may come
                throw new LinuxException("accept", errno);
            }
        }
    }

    /** @return null if the peer has gone already: others may come */
    private @Nullable StreamSocket accepted(Fd number) {
        if (!tcp) {
            return new StreamSocket(number, "local process");
        }
        try {
            Sockets.setUpTcp(number.number());
        } catch (LinuxException e) {
            number.close();
            return null;
        }
        return new StreamSocket(number, Sockets.inetText(from));
    }

    /** Ends accept. For a Unix socket too: Linux answers EINVAL after a shutdown of a listener. */
    public synchronized void shutdown() {
        if (fd.isOpen()) {
            Sockets.shutdown(fd.number(), Sockets.SHUT_RDWR);
        }
    }

    @Override
    public synchronized void close() {
        fd.close();
    }
}
