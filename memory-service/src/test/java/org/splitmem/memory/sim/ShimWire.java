package org.splitmem.memory.sim;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.FdPassing;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;

/** A connection to splitmemd as the shim has it; see shim_protocol.h. */
final class ShimWire implements AutoCloseable {
    static final int HELLO = 1, WELCOME = 2, OPEN = 4, OPENED = 5, MAPPED = 6, MAPPED_OK = 7;
    static final int ZAP = 8, DONE = 9, MODES = 10, HOLD = 12, DISCARDS = 13;
    static final int DISCARD = 14, CLAIMED = 15, DISCARDED = 16;
    static final int ATTACH = 1, SERVICE = 2, GIVE_BACK = 3;

    private static final int MAGIC = 0x48535053;
    private static final int TEXT = 40;

    private final StreamSocket socket;
    private final NativeBlock message = new NativeBlock(256);
    private int sequence;

    private ShimWire(StreamSocket socket) {
        this.socket = socket;
    }

    /** @param backends of a SERVICE connection */
    static ShimWire connect(Path path, int timeoutMs, UUID vm, int role, long pid, long backends) throws IOException {
        StreamSocket socket = StreamSocket.connectUnix(path.toString(), timeoutMs);
        try {
            socket.setTimeouts(timeoutMs, timeoutMs);
            ShimWire wire = new ShimWire(socket);
            wire.set(HELLO, role, pid, backends, role == SERVICE ? 1 : 0);
            byte[] text = vm.toString().getBytes(StandardCharsets.US_ASCII);
            for (int i = 0; i < text.length; i++) {
                wire.message.buffer().put(TEXT + i, text[i]);
            }
            wire.call(WELCOME, null);
            return wire;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    ShimWire set(int type, int arg, long a, long b, long c) {
        message.putInt(0, MAGIC).putShort(4, 1).putShort(6, type).putInt(12, arg);
        message.putLong(16, a).putLong(24, b).putLong(32, c);
        for (int i = TEXT; i < message.size(); i += Long.BYTES) {
            message.putLong(i, 0);
        }
        return this;
    }

    /** Sends what is set, and receives the answer in its place. @return what was passed with it */
    @Nullable
    Fd call(int expected, @Nullable Fd passed) throws IOException {
        int number = ++sequence;
        message.putInt(8, number);
        FdPassing.send(socket, message, passed);
        Fd got = FdPassing.receive(socket, message);
        if (type() != expected || message.getInt(8) != number) {
            throw new IOException(
                    "splitmemd answers with type " + type() + " where " + expected + " was expected: " + text());
        }
        return got;
    }

    private String text() {
        byte[] bytes = new byte[216];
        message.buffer().get(TEXT, bytes);
        return new String(bytes, StandardCharsets.UTF_8).replace("\0", "");
    }

    /** A request of the daemon's, without a limit of time. */
    void next() throws IOException {
        socket.setTimeouts(0, 30_000);
        FdPassing.receive(socket, message);
        socket.setTimeouts(30_000, 30_000);
    }

    /** To what {@link #next} has brought. */
    void reply(int errno, long a) throws IOException {
        set(DONE, errno, a, 0, 0); // with the request's number
        FdPassing.send(socket, message, null);
    }

    NativeBlock body(int bytes) throws IOException {
        NativeBlock body = new NativeBlock(bytes);
        socket.receive(body.address(), bytes);
        return body;
    }

    int type() {
        return message.getShort(6);
    }

    int arg() {
        return message.getInt(12);
    }

    long a() {
        return message.getLong(16);
    }

    long b() {
        return message.getLong(24);
    }

    @Override
    public void close() {
        socket.close();
    }
}
