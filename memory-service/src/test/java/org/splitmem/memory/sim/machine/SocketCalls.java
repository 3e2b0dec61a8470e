package org.splitmem.memory.sim.machine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** System calls on sockets; structs are read as their offsets are on LP64. */
final class SocketCalls {
    private static final int UNIX = 1, INET = 2;
    private static final int WAIT_ALL = 0x100;
    private static final int RECEIVE_LIMIT = 20, SEND_LIMIT = 21, PEER = 17, PEER_PROCESS = 77;
    private static final int IOV = 16, IOV_LENGTH = 24, CONTROL = 32, CONTROL_LENGTH = 40, FLAGS = 48;
    private static final int RIGHTS_LENGTH = 20, RIGHTS = 1, SOCKET_LEVEL = 1, RIGHTS_DATA = 16;
    private static final int CONNECT_NS = 100_000;

    private SocketCalls() {}

    private static @Nullable SocketFile find(Kernel kernel, int fd) {
        return kernel.file(fd) instanceof SocketFile socket ? socket : null;
    }

    private static @Nullable Stream stream(Kernel kernel, int fd) {
        SocketFile socket = find(kernel, fd);
        return socket == null ? null : socket.stream();
    }

    static int socket(Kernel kernel, int domain) {
        return kernel.open(new SocketFile(domain == UNIX, null));
    }

    private static String text(long address, int length) {
        ByteBuffer bytes = Native.at(address, length);
        if (bytes.getShort(0) == UNIX) {
            byte[] path = new byte[length - 2];
            bytes.get(2, path);
            int end = 0;
            while (end < path.length && path[end] != 0) {
                end++;
            }
            return new String(path, 0, end, StandardCharsets.UTF_8);
        }
        int port = bytes.order(ByteOrder.BIG_ENDIAN).getShort(2) & 0xFFFF;
        return (bytes.get(4) & 0xFF) + "." + (bytes.get(5) & 0xFF) + "." + (bytes.get(6) & 0xFF) + "."
                + (bytes.get(7) & 0xFF) + ":" + port;
    }

    static int bind(Kernel kernel, int fd, long address, int length) {
        SocketFile socket = find(kernel, fd);
        String name = text(address, length);
        if (socket == null || kernel.network().at(name) != null) {
            return Syscalls.fail(Errors.EADDRINUSE);
        }
        socket.bind(name);
        return 0;
    }

    static int listen(Kernel kernel, int fd) {
        SocketFile socket = find(kernel, fd);
        String name = socket == null ? null : socket.boundTo();
        if (socket == null || name == null) {
            return Syscalls.fail(Errors.EINVAL);
        }
        Listener listener = new Listener(Kernel.self(), name, kernel);
        if (!kernel.network().bind(name, listener)) {
            return Syscalls.fail(Errors.EADDRINUSE);
        }
        if (socket.isUnix()) {
            kernel.files().bind(name, listener, kernel.scheduler().wallMs());
        }
        socket.listen(listener);
        return 0;
    }

    static int connect(Kernel kernel, int fd, long address, int length) {
        SocketFile socket = find(kernel, fd);
        if (socket == null) {
            return Syscalls.fail(Errors.EBADF);
        }
        String name = text(address, length);
        Scheduler scheduler = kernel.scheduler();
        long until = socket.connectNs() == 0 ? Long.MAX_VALUE : scheduler.now() + socket.connectNs();
        if (!socket.isUnix()) {
            scheduler.await(
                    socket.connecting,
                    scheduler.now() + CONNECT_NS + scheduler.random().nextInt(CONNECT_NS));
        }
        while (true) {
            if (socket.isShut()) {
                return Syscalls.fail(Errors.ECONNREFUSED);
            }
            Listener listener = kernel.network().at(name);
            SimHostOs to = listener == null ? null : listener.process().host();
            if (to == null || !kernel.isCut(Kernel.self().host(), to)) {
                return made(kernel, socket, listener, name);
            }
            long left = until - scheduler.now();
            if (left <= 0) {
                return Syscalls.fail(Errors.EINPROGRESS);
            }
            scheduler.await(
                    socket.connecting, scheduler.now() + Math.min(left, 200_000_000L)); // it is sent again and again
        }
    }

    private static int made(Kernel kernel, SocketFile socket, @Nullable Listener listener, String name) {
        if (listener == null || !listener.isOpen()) {
            boolean isMissing = socket.isUnix() && kernel.files().find(name) == null;
            return Syscalls.fail(isMissing ? Errors.ENOENT : Errors.ECONNREFUSED);
        }
        SimProcess self = Kernel.self();
        boolean isRemote = !socket.isUnix();
        String called =
                self + "->" + listener.process() + "#" + kernel.network().nextPort();
        Connection connection = kernel.network().connect(self, listener, called, isRemote);
        socket.connected(connection.first());
        listener.offer(connection.second());
        return 0;
    }

    static int accept(Kernel kernel, int fd, long address) {
        SocketFile socket = find(kernel, fd);
        Listener listener = socket == null ? null : socket.listener();
        Stream stream = listener == null ? null : listener.accept();
        if (stream == null) {
            return Syscalls.fail(Errors.EINVAL);
        }
        if (!socket.isUnix()) {
            ByteBuffer name = Native.at(address, 16).order(ByteOrder.BIG_ENDIAN);
            String[] ip = stream.other().process().host().address().split("\\.", -1);
            for (int i = 0; i < 4; i++) {
                name.put(4 + i, (byte) Integer.parseInt(ip[i]));
            }
            name.putShort(2, (short) kernel.network().nextPort());
            Native.putShort(address, INET);
        }
        return kernel.open(new SocketFile(socket.isUnix(), stream));
    }

    static int shutdown(Kernel kernel, int fd, int how) {
        SocketFile socket = find(kernel, fd);
        if (socket == null) {
            return Syscalls.fail(Errors.EBADF);
        }
        socket.shutdown(how == 1);
        return 0;
    }

    static int setOption(Kernel kernel, int fd, int name, long value) {
        SocketFile socket = find(kernel, fd);
        if (socket == null) {
            return Syscalls.fail(Errors.EBADF);
        }
        if (name == RECEIVE_LIMIT || name == SEND_LIMIT) {
            long ns = Native.getLong(value) * 1_000_000_000L + Native.getLong(value + 8) * 1_000;
            Stream stream = socket.stream();
            if (name == SEND_LIMIT) {
                socket.setSendLimit(ns);
            } else if (stream != null) {
                stream.setReceiveLimit(ns);
            }
        }
        return 0;
    }

    static int getOption(Kernel kernel, int fd, int name, long value) {
        Stream stream = stream(kernel, fd);
        if (stream == null) {
            return Syscalls.fail(Errors.EBADF);
        }
        SimProcess peer = stream.other().process();
        if (name == PEER) {
            Native.putInt(value, peer.pid());
            Native.putInt(value + 4, 0);
            Native.putInt(value + 8, 0);
            return 0;
        }
        if (name == PEER_PROCESS) {
            Native.putInt(value, kernel.open(new OpenFile.PidFd(peer)));
            return 0;
        }
        return Syscalls.fail(Errors.EINVAL);
    }

    static long send(Kernel kernel, int fd, ByteBuffer from, @Nullable OpenFile passed) {
        Stream stream = stream(kernel, fd);
        int sent = stream == null ? -Errors.EBADF : stream.send(from, from.remaining(), passed);
        return sent < 0 ? Syscalls.fail(-sent) : sent;
    }

    static long receive(Kernel kernel, int fd, ByteBuffer to, int flags) {
        Stream stream = stream(kernel, fd);
        int received = stream == null ? -Errors.EBADF : stream.receive(to, to.remaining(), (flags & WAIT_ALL) != 0);
        return received < 0 ? Syscalls.fail(-received) : received;
    }

    static long sendMessage(Kernel kernel, int fd, long header) {
        OpenFile passed = null;
        long control = Native.getLong(header + CONTROL);
        if (control != 0 && Native.getLong(header + CONTROL_LENGTH) >= RIGHTS_LENGTH) {
            passed = kernel.file(Native.getInt(control + RIGHTS_DATA));
        }
        long vector = Native.getLong(header + IOV);
        long count = Native.getLong(header + IOV_LENGTH);
        long sent = 0;
        for (long i = 0; i < count; i++) {
            ByteBuffer part = Native.at(Native.getLong(vector + i * 16), Native.getLong(vector + i * 16 + 8));
            int length = part.remaining();
            long n = send(kernel, fd, part, i == 0 ? passed : null);
            if (n < 0) {
                return sent > 0 ? sent : n;
            }
            sent += n;
            if (n < length) {
                break;
            }
        }
        return sent;
    }

    static long receiveMessage(Kernel kernel, int fd, long header, int flags) {
        Stream stream = stream(kernel, fd);
        if (stream == null) {
            return Syscalls.fail(Errors.EBADF);
        }
        long control = Native.getLong(header + CONTROL);
        OpenFile passed = control == 0 ? null : stream.receivePassed();
        Native.putLong(header + CONTROL_LENGTH, 0);
        Native.putInt(header + FLAGS, 0);
        if (passed != null) {
            Native.putLong(control, RIGHTS_LENGTH);
            Native.putInt(control + 8, SOCKET_LEVEL);
            Native.putInt(control + 12, RIGHTS);
            Native.putInt(control + RIGHTS_DATA, kernel.open(passed));
            passed.release();
            Native.putLong(header + CONTROL_LENGTH, RIGHTS_LENGTH);
        }
        long vector = Native.getLong(header + IOV);
        long count = Native.getLong(header + IOV_LENGTH);
        long received = 0;
        for (long i = 0; i < count; i++) {
            ByteBuffer part = Native.at(Native.getLong(vector + i * 16), Native.getLong(vector + i * 16 + 8));
            int length = part.remaining();
            long n = receive(kernel, fd, part, flags);
            if (n < 0) {
                return received > 0 ? received : n;
            }
            received += n;
            if (n < length) {
                break;
            }
        }
        return received;
    }
}
