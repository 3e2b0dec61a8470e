package org.splitmem.memory.testing;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** A proxy in the way to a host's data port, as a network card with bad memory is: it may change any byte of any frame. */
public final class DamagingRelay implements AutoCloseable {
    private static final int HEADER = 32, TYPE = 6, COUNT = 16, LENGTH = 20;
    private static final int PAGE_DATA = 5, PAGES = 7, RUN = 8, CHECKSUM = 4, PAGE = 4096;

    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final InetSocketAddress to;
    private final Damage damage;
    private final Queue<Socket> open = new ConcurrentLinkedQueue<>();

    /** Sees each frame, in either direction; what it changes arrives. Called by several threads. */
    public interface Damage {
        void to(Frame frame);
    }

    /** A frame on its way, as its bytes. */
    public static final class Frame {
        private final byte[] header;
        private final byte[] payload;

        private Frame(byte[] header, byte[] payload) {
            this.header = header;
            this.payload = payload;
        }

        public int type() {
            return field(TYPE) & 0xFFFF;
        }

        private int field(int offset) {
            return ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt(offset);
        }

        /** Where the pages begin that are the payload, or a part of it; its length if none are. */
        private int pagesAt() {
            return switch (type()) {
                case PAGE_DATA -> 0;
                case PAGES -> {
                    int runs = field(COUNT);
                    int head = runs == 0 ? 0 : runs * RUN + CHECKSUM;
                    yield head + (payload.length - head) / (PAGE + CHECKSUM) * CHECKSUM;
                }
                default -> payload.length;
            };
        }

        public int pages() {
            return (payload.length - pagesAt()) / PAGE;
        }

        /** Changes one bit of one page; {@code index} in the frame. */
        public void flipInPage(int index) {
            payload[pagesAt() + index * PAGE + PAGE / 2] ^= 0x10;
        }

        /** Each of the two comes with the other's content, and the checksum of that. */
        public void swapPages(int index, int other) {
            swap(pagesAt() + index * PAGE, pagesAt() + other * PAGE, PAGE);
            int checksums = pagesAt() - pages() * CHECKSUM;
            swap(checksums + index * CHECKSUM, checksums + other * CHECKSUM, CHECKSUM);
        }

        private void swap(int at, int other, int length) {
            for (int i = 0; i < length; i++) {
                byte kept = payload[at + i];
                payload[at + i] = payload[other + i];
                payload[other + i] = kept;
            }
        }

        /** Changes one bit of the payload, wherever that is. */
        public void flip(int offset) {
            payload[offset] ^= 1;
        }
    }

    public DamagingRelay(InetSocketAddress to, Damage damage) throws IOException {
        this.to = to;
        this.damage = damage;
        start(this::accept);
    }

    public InetSocketAddress address() {
        return new InetSocketAddress(listener.getInetAddress(), listener.getLocalPort());
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "damaging-relay");
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket client = listener.accept();
                Socket server = new Socket();
                open.add(client);
                open.add(server);
                connect(client, server);
            } catch (IOException e) {
                return; // closed
            }
        }
    }

    private void connect(Socket client, Socket server) {
        try {
            server.connect(to);
            start(() -> relay(client, server));
            start(() -> relay(server, client));
        } catch (IOException e) {
            end(client, server); // the host is away
        }
    }

    private void relay(Socket from, Socket into) {
        try {
            DataInputStream in = new DataInputStream(from.getInputStream());
            OutputStream out = into.getOutputStream();
            while (true) {
                byte[] header = new byte[HEADER];
                in.readFully(header);
                int length =
                        ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt(LENGTH);
                Frame frame = new Frame(header, in.readNBytes(length));
                if (frame.payload.length < length) {
                    throw new EOFException();
                }
                damage.to(frame);
                out.write(header);
                out.write(frame.payload);
            }
        } catch (EOFException e) {
            shutdown(from, into); // what is underway in the other direction still arrives
        } catch (IOException e) {
            end(from, into); // one of them has closed
        }
    }

    private static void shutdown(Socket from, Socket into) {
        try {
            into.shutdownOutput();
        } catch (IOException e) {
            end(from, into);
        }
    }

    private static void end(Socket... sockets) {
        for (Socket socket : sockets) {
            try {
                socket.close();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }
    }

    @Override
    public void close() {
        try {
            listener.close();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        open.forEach(DamagingRelay::end);
    }
}
