package org.splitmem.memory.sim.machine;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** One end of a connection. */
final class Stream extends OpenFile {
    private final Connection connection;
    private final SimProcess process;
    private final Pipe in;
    private final Pipe out;
    private final boolean isFirst;
    private int failed; // errno: of this end alone
    private long receiveNs = Long.MAX_VALUE;
    private long sendNs = Long.MAX_VALUE;

    Stream(Connection connection, SimProcess process, Pipe in, Pipe out, boolean isFirst) {
        this.connection = connection;
        this.process = process;
        this.in = in;
        this.out = out;
        this.isFirst = isFirst;
    }

    SimProcess process() {
        return process;
    }

    Connection connection() {
        return connection;
    }

    Stream other() {
        return isFirst ? connection.second() : connection.first();
    }

    void setReceiveLimit(long ns) {
        receiveNs = ns == 0 ? Long.MAX_VALUE : ns;
    }

    void setSendLimit(long ns) {
        sendNs = ns == 0 ? Long.MAX_VALUE : ns;
    }

    private static long until(Scheduler scheduler, long limit) {
        return limit == Long.MAX_VALUE ? limit : scheduler.now() + limit;
    }

    /** Sends some, at least one byte. @return how many, or minus an errno */
    int send(ByteBuffer from, int length, @Nullable OpenFile passed) {
        Scheduler scheduler = connection.network().scheduler();
        scheduler.point();
        while (true) {
            if (failed != 0) {
                return -failed;
            }
            if (out.failed != 0 || out.closedByWriter) {
                return -(out.failed != 0 && out.failed != Errors.ECONNRESET ? out.failed : Errors.EPIPE);
            }
            if (out.room() > 0) {
                break;
            }
            if (!scheduler.await(out.writers, until(scheduler, sendNs))) {
                return -Errors.EAGAIN;
            }
        }
        byte[] bytes = new byte[Math.min(length, out.room())];
        from.get(bytes);
        if (passed != null) {
            passed.retain();
        }
        connection.send(this, out, new Pipe.Segment(bytes, passed, false));
        return bytes.length;
    }

    /**
     * Receives.
     *
     * @param all waits until there is no room left, the peer has closed, or something was passed with the next byte
     * @return how many bytes; 0 at the end; or minus an errno
     */
    int receive(ByteBuffer to, int length, boolean all) {
        Scheduler scheduler = connection.network().scheduler();
        scheduler.point();
        int received = 0;
        while (true) {
            if (in.passedNext() != null) {
                if (received > 0) {
                    return received;
                }
                OpenFile dropped = in.passedNext(); // recv, and not recvmsg
                in.passed();
                dropped.release();
            }
            if (failed != 0) {
                return -failed;
            }
            received += in.take(to, length - received);
            if (received == length || (received > 0 && !all)) {
                return received;
            }
            if (in.failed != 0) {
                return received > 0 ? received : -in.failed;
            }
            if (in.ended || in.closedByReader) {
                return received;
            }
            if (!scheduler.await(in.readers, until(scheduler, receiveNs))) {
                return received > 0 ? received : -Errors.EAGAIN;
            }
        }
    }

    /** Waits for the next byte, and takes what was passed with it. @return the descriptor's file, which becomes the caller's */
    @Nullable
    OpenFile receivePassed() {
        Scheduler scheduler = connection.network().scheduler();
        while (in.isEmpty() && failed == 0 && in.failed == 0 && !in.ended && !in.closedByReader) {
            if (!scheduler.await(in.readers, until(scheduler, receiveNs))) {
                return null;
            }
        }
        OpenFile passed = in.passedNext();
        if (passed != null) {
            in.passed();
        }
        return passed;
    }

    void shutdownWrite() {
        if (!out.closedByWriter) {
            out.closedByWriter = true;
            out.writers.wakeAll();
            if (out.failed == 0) {
                connection.send(this, out, new Pipe.Segment(new byte[0], null, true));
            }
        }
    }

    void shutdown() {
        shutdownWrite();
        in.closedByReader = true;
        in.readers.wakeAll();
    }

    /** Its own side finds this errno. */
    void fail(int errno) {
        in.fail(errno);
        out.fail(errno);
    }

    /** Its own side finds this errno, and the other one nothing. */
    void failAlone(int errno) {
        failed = errno;
        in.readers.wakeAll();
        out.writers.wakeAll();
    }

    @Override
    void closed() {
        boolean unread = !in.isEmpty() && failed == 0;
        shutdownWrite();
        in.closedByReader = true;
        in.readers.wakeAll();
        if (unread) {
            connection.reset();
        }
    }
}
