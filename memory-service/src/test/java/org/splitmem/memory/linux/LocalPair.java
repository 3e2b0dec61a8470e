package org.splitmem.memory.linux;

import com.sun.jna.Native;
import java.io.IOException;

/** A connection whose peer has sent what it has to say, and sends no more; made and read without a port. For fuzz targets. */
public final class LocalPair implements AutoCloseable {
    /** Less than a Unix socket takes before anybody reads. */
    public static final int MOST_BYTES = 64 * 1024;

    private static final NativeBlock FDS = new NativeBlock(8);
    private static final NativeBlock BYTES = new NativeBlock(MOST_BYTES);

    static {
        Native.register(LocalPair.class, "c");
    }

    private final StreamSocket near;
    private final StreamSocket far;

    private LocalPair(StreamSocket near, StreamSocket far) {
        this.near = near;
        this.far = far;
    }

    private static native int socketpair(int domain, int type, int protocol, long fds);

    /** What its peer has to say is sent by {@link #far}, until {@link #endOfSent}. */
    public static LocalPair open() throws IOException {
        if (socketpair(Sockets.AF_UNIX, Sockets.SOCK_STREAM | Sockets.SOCK_CLOEXEC, 0, FDS.address()) != 0) {
            throw new LinuxException("socketpair", Errno.last());
        }
        Fd farFd = new Fd(FDS.getInt(4));
        return new LocalPair(
                new StreamSocket(new Fd(FDS.getInt(0)), "the fuzzer"), new StreamSocket(farFd, "what is fuzzed"));
    }

    /** @param sent at most {@link #MOST_BYTES} */
    public static LocalPair holding(byte[] sent) throws IOException {
        LocalPair pair = open();
        BYTES.buffer().put(0, sent);
        pair.far.send(BYTES.address(), sent.length, false);
        pair.endOfSent();
        return pair;
    }

    public void endOfSent() {
        Sockets.shutdown(far.fd().number(), Sockets.SHUT_WR);
    }

    /** The end that has the bytes to read. */
    public StreamSocket near() {
        return near;
    }

    /** The other end: what is sent to {@link #near} is read here. */
    public StreamSocket far() {
        return far;
    }

    /** Of {@link #far}, to be passed elsewhere. */
    public Fd farFd() {
        return far.fd();
    }

    @Override
    public void close() {
        near.close();
        far.close();
    }
}
