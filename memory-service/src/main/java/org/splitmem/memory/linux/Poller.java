package org.splitmem.memory.linux;

import java.util.List;

/** Waits on a fixed set of descriptors (poll.h) and can be woken from other threads. One waiting thread. */
public final class Poller implements AutoCloseable {
    private final List<Fd> fds;
    private final Fd wakeUp;
    private final NativeBlock one = new NativeBlock(8).putLong(0, 1);
    private final NativeBlock drained = new NativeBlock(8);
    private final NativeBlock entries;

    /** The descriptors stay the caller's. */
    public Poller(List<Fd> fds) throws LinuxException {
        this.fds = List.copyOf(fds);
        this.wakeUp = Unistd.newEventFd();
        this.entries = new NativeBlock((fds.size() + 1) * Sockets.PollFd.SIZE);
        for (int i = 0; i <= fds.size(); i++) {
            Fd fd = i < fds.size() ? fds.get(i) : wakeUp;
            entries.putInt(i * Sockets.PollFd.SIZE + Sockets.PollFd.FD, fd.number());
            entries.putShort(i * Sockets.PollFd.SIZE + Sockets.PollFd.EVENTS, Sockets.POLLIN);
        }
    }

    /** Waits until a descriptor is readable, {@link #wakeUp} was called or the time is over; -1: no limit. */
    public void await(int timeoutMs) throws LinuxException {
        if (Sockets.poll(entries.address(), fds.size() + 1L, timeoutMs) < 0) {
            int errno = Errno.last();
            if (errno != Errno.EINTR) {
                throw new LinuxException("poll", errno);
            }
        }
        if (readable(fds.size())) {
            Unistd.readOrErrno(wakeUp, drained.address(), 8);
        }
    }

    /** True if the last {@link #await} found something to read on descriptor {@code index}. */
    public boolean readable(int index) {
        return (found(index) & Sockets.POLLIN) != 0;
    }

    /** True if the last {@link #await} found that descriptor {@code index} cannot be waited for. */
    public boolean broken(int index) {
        return (found(index) & (Sockets.POLLERR | Sockets.POLLNVAL)) != 0;
    }

    private int found(int index) {
        return entries.getShort(index * Sockets.PollFd.SIZE + Sockets.PollFd.REVENTS);
    }

    public void wakeUp() {
        Unistd.signal(wakeUp, one);
    }

    @Override
    public void close() {
        wakeUp.close();
    }
}
