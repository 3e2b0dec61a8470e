package org.splitmem.memory.sim.machine;

import org.jspecify.annotations.Nullable;

/** A socket, which becomes a listener or one end of a connection. */
final class SocketFile extends OpenFile {
    private final boolean isUnix;
    private @Nullable String boundTo;
    private @Nullable Listener listener;
    private @Nullable Stream stream;
    private long connectNs;
    private boolean shut;
    final WaitQueue connecting = new WaitQueue();

    SocketFile(boolean isUnix, @Nullable Stream stream) {
        this.isUnix = isUnix;
        this.stream = stream;
    }

    boolean isUnix() {
        return isUnix;
    }

    @Nullable
    String boundTo() {
        return boundTo;
    }

    void bind(String address) {
        boundTo = address;
    }

    void listen(Listener made) {
        listener = made;
    }

    void connected(Stream made) {
        stream = made;
        made.setSendLimit(connectNs);
    }

    @Nullable
    Listener listener() {
        return listener;
    }

    @Nullable
    Stream stream() {
        return stream;
    }

    long connectNs() {
        return connectNs;
    }

    void setSendLimit(long ns) {
        connectNs = ns;
        if (stream != null) {
            stream.setSendLimit(ns);
        }
    }

    boolean isShut() {
        return shut;
    }

    void shutdown(boolean writeOnly) {
        if (listener != null) {
            listener.shutdown();
        } else if (stream != null && writeOnly) {
            stream.shutdownWrite();
        } else if (stream != null) {
            stream.shutdown();
        } else {
            shut = true;
            connecting.wakeAll();
        }
    }

    @Override
    void closed() {
        if (listener != null) {
            listener.closed();
        }
        if (stream != null) {
            stream.closed();
        }
    }
}
