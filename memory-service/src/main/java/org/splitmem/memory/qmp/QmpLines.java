package org.splitmem.memory.qmp;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.FdPassing;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;

/**
 * Lines to and from a QEMU's monitor, which may be a guest's that broke out: bounded in length and in number, and only if that QEMU itself
 * listens. All QEMUs of a host may run as one user, who can put a socket of its own in the place of another's.
 *
 * <p>One thread reads, and closes in the end; any may write or {@link #shutdown}.
 */
final class QmpLines implements AutoCloseable {
    /** Far more than QEMU's longest answer to us, a list of block devices. */
    static final int MOST_BYTES = 4 << 20;
    /** Far more than a QEMU sends, whose events are of devices and migrations. */
    static final int MOST_IN_SECOND = 10_000;

    private static final int CONNECT_MS = 5_000;
    private static final long SECOND_NS = 1_000_000_000L;
    /** What this process itself listens to, it may trust. */
    private static final int OWN_PID = (int) ProcessHandle.current().pid();

    private final StreamSocket socket;
    private final NativeBlock received = new NativeBlock(8 * 1024);
    private final ByteBuffer unread = received.buffer().duplicate().limit(0);
    private long secondNs = System.nanoTime();
    private int inSecond;
    private boolean closed; // guarded by this

    QmpLines(StreamSocket socket) {
        this.socket = socket;
    }

    /**
     * @param pid of the QEMU that has to listen there
     * @param sendMs after which a line that it does not take fails
     * @throws IOException if it does not, or another process does
     */
    static QmpLines connect(Path path, int pid, long sendMs) throws IOException {
        StreamSocket socket = StreamSocket.connectUnix(path.toString(), CONNECT_MS);
        try {
            int listener = FdPassing.peer(socket).pid();
            if (listener != pid && listener != OWN_PID) {
                throw new IOException(
                        "process " + listener + " listens at " + path + ", which is not the VM's QEMU, process " + pid);
            }
            socket.setTimeouts(0, sendMs);
            return new QmpLines(socket);
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    /** @return null once QEMU has closed the connection */
    @Nullable
    String read() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        while (line.size() <= MOST_BYTES) {
            while (unread.hasRemaining()) {
                byte next = unread.get();
                if (next == '\n') {
                    count();
                    return line.toString(StandardCharsets.UTF_8);
                }
                line.write(next);
            }
            int bytes = socket.receiveSome(received);
            if (bytes == 0) {
                return null;
            }
            unread.position(0).limit(bytes);
        }
        throw new IOException("QEMU's monitor sends a line of more than " + MOST_BYTES + " B");
    }

    private void count() throws IOException {
        long now = System.nanoTime();
        if (now - secondNs > SECOND_NS) {
            secondNs = now;
            inSecond = 0;
        }
        inSecond++;
        if (inSecond > MOST_IN_SECOND) {
            throw new IOException("QEMU's monitor sends more than " + MOST_IN_SECOND + " lines a second");
        }
    }

    synchronized void write(String line) throws IOException {
        if (closed) { // by its reader
            throw new IOException("QEMU closed its monitor");
        }
        byte[] bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
        NativeBlock block = new NativeBlock(bytes.length);
        block.buffer().put(0, bytes);
        socket.send(block.address(), bytes.length, false);
        NativeBlock.keep(block);
    }

    /** Ends it; a thread that reads finds its end. */
    void shutdown() {
        socket.shutdown();
    }

    @Override
    public synchronized void close() {
        closed = true;
        socket.close();
    }
}
