package org.splitmem.systemtests;

import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Stands between hosts and damages what goes by on their data ports; a program of its own, as it has to run in the network of a virtual
 * host. The control ports, and those on which QEMU waits for a migration, go through as they are. {@link Relay} starts it and sends it commands, a line each on standard input; each is
 * answered by lines that end with one that is ".".
 *
 * <ul>
 *   <li>{@code damage HOST ROLE DIRECTION PART N}: one in N, see {@link FrameDamage}
 *   <li>{@code spare}: no more damage
 *   <li>{@code swallow}: from now on nothing of all connections that are open goes on, and none is closed; later ones work
 *   <li>{@code counts}: a line for each kind of damage that was done, and how often
 * </ul>
 */
final class DamagingRelay {
    static final int CONTROL_PORT = 7779, DATA_PORT = 7780;
    /** Where the range begins that libvirt takes them from. */
    private static final int FIRST_QEMU_PORT = 49_152, QEMU_PORTS = 8;

    private static final int BUFFER_BYTES = 1 << 16, BACKLOG = 64;
    private static final Pattern ROLE = Pattern.compile("\"role\":\"([A-Z_]+)\"");

    private final long seed;
    private final FrameDamage damage = new FrameDamage();
    private final Map<String, Integer> connections = new ConcurrentHashMap<>();
    private final Set<Connection> open = ConcurrentHashMap.newKeySet();

    private DamagingRelay(long seed) {
        this.seed = seed;
    }

    /** @param arguments the seed, then for each host its name, its address here, and its own address */
    public static void main(String[] arguments) throws IOException {
        DamagingRelay relay = new DamagingRelay(Long.parseLong(arguments[0]));
        for (int i = 1; i < arguments.length; i += 3) {
            relay.listen(arguments[i], arguments[i + 1], arguments[i + 2], CONTROL_PORT);
            relay.listen(arguments[i], arguments[i + 1], arguments[i + 2], DATA_PORT);
            for (int port = FIRST_QEMU_PORT; port < FIRST_QEMU_PORT + QEMU_PORTS; port++) {
                relay.listen(arguments[i], arguments[i + 1], arguments[i + 2], port);
            }
        }
        System.out.println(".");
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            relay.obey(line.split(" ", -1));
            System.out.println(".");
        }
        System.exit(0); // the test has ended
    }

    private void obey(String... command) {
        switch (command[0]) {
            case "damage" -> damage.add(command[1], command[2], command[3], command[4], Integer.parseInt(command[5]));
            case "spare" -> damage.clear();
            case "swallow" -> open.forEach(connection -> connection.swallowed = true);
            case "counts" -> damage.counts().forEach((kind, count) -> System.out.println(kind + " " + count));
            default -> throw new IllegalArgumentException(command[0]);
        }
    }

    private void listen(String host, String address, String target, int port) throws IOException {
        ServerSocket server = new ServerSocket(port, BACKLOG, InetAddress.getByName(address));
        daemon(host + "-" + port, () -> accept(server, host, new InetSocketAddress(target, port)));
    }

    private static void daemon(String name, Task task) {
        Thread thread = new Thread(
                () -> {
                    try {
                        task.run();
                    } catch (IOException e) {
                        // A connection has broken, which the other end of it hears by our closing that.
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
    }

    private interface Task {
        void run() throws IOException;
    }

    private void accept(ServerSocket server, String host, InetSocketAddress target) throws IOException {
        while (true) {
            Socket caller = server.accept();
            daemon(host, () -> serve(caller, host, target));
        }
    }

    private void serve(Socket caller, String host, InetSocketAddress target) throws IOException {
        Socket callee = new Socket();
        try (caller;
                callee) {
            callee.connect(target);
            caller.setTcpNoDelay(true);
            callee.setTcpNoDelay(true);
            Connection connection = new Connection(host, caller, callee);
            open.add(connection);
            try {
                connection.run(target.getPort() == DATA_PORT);
            } finally {
                open.remove(connection);
            }
        }
    }

    /** One that was accepted, and the one that was made for it. */
    private final class Connection {
        private final String host;
        private final Socket caller;
        private final Socket callee;
        private volatile boolean swallowed;
        /** As HELLO says, which nobody answers before it was read. */
        private volatile String role = "NONE";

        private volatile int number;

        Connection(String host, Socket caller, Socket callee) {
            this.host = host;
            this.caller = caller;
            this.callee = callee;
        }

        void run(boolean hasFrames) throws IOException {
            daemon(host + "-back", () -> pump(callee, caller, FrameDamage.BACK, hasFrames));
            pump(caller, callee, FrameDamage.OUT, hasFrames);
            // What the callee still sends goes on until it closes its side as well, or the caller has gone.
            while (!callee.isClosed() && !caller.isClosed()) {
                pause();
            }
        }

        private void pump(Socket from, Socket to, String direction, boolean hasFrames) throws IOException {
            try {
                if (hasFrames) {
                    frames(new DataInputStream(from.getInputStream()), to.getOutputStream(), direction);
                } else {
                    bytes(from.getInputStream(), to.getOutputStream());
                }
                to.shutdownOutput();
            } catch (IOException e) {
                from.close();
                to.close();
            } finally {
                if (direction.equals(FrameDamage.BACK)) {
                    from.close();
                    to.close();
                }
            }
        }

        private void bytes(InputStream in, OutputStream out) throws IOException {
            byte[] buffer = new byte[BUFFER_BYTES];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                out.write(buffer, 0, n);
            }
        }

        private void frames(DataInputStream in, OutputStream out, String direction) throws IOException {
            Frame frame = new Frame();
            FrameDamage.Chance chance = null;
            while (frame.read(in)) {
                if (chance == null) {
                    if (direction.equals(FrameDamage.OUT)) {
                        greeted(frame);
                    }
                    chance = damage.chance(seed, host, role, direction, number);
                }
                chance.damage(frame);
                if (!swallowed) {
                    out.write(frame.bytes(), 0, frame.length());
                }
            }
        }

        private void greeted(Frame hello) {
            Matcher matcher = ROLE.matcher(new String(hello.bytes(), 0, hello.length(), StandardCharsets.UTF_8));
            if (matcher.find()) {
                role = matcher.group(1);
                number = connections.merge(host + " " + role, 1, Integer::sum);
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The newest frame that was read: its header, and its payload. */
    static final class Frame {
        private static final int TYPE = 6, COUNT = 16, LENGTH = 20;
        static final int HEADER_BYTES = 32, PAGE_DATA = 5, PAGES = 7;
        private static final int PAGE_BYTES = 4096, RUN_BYTES = 8, CRC_BYTES = 4, MOST_BYTES = 1 << 24;

        private byte[] bytes = new byte[HEADER_BYTES];
        private int length;

        /** @return false at the end of the stream */
        boolean read(DataInputStream in) throws IOException {
            int first = in.read();
            if (first < 0) {
                return false;
            }
            bytes[0] = (byte) first;
            in.readFully(bytes, 1, HEADER_BYTES - 1);
            int payload = integer(LENGTH);
            if (payload < 0 || payload > MOST_BYTES) {
                throw new EOFException("a payload of " + payload + " bytes");
            }
            length = HEADER_BYTES + payload;
            if (bytes.length < length) {
                bytes = Arrays.copyOf(bytes, length);
            }
            in.readFully(bytes, HEADER_BYTES, payload);
            return true;
        }

        private int integer(int at) {
            return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(at);
        }

        byte[] bytes() {
            return bytes;
        }

        int length() {
            return length;
        }

        boolean hasPages() {
            return switch (type()) {
                case PAGES -> length > pagesFrom();
                case PAGE_DATA -> length == HEADER_BYTES + PAGE_BYTES;
                default -> false;
            };
        }

        private int type() {
            return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getShort(TYPE);
        }

        /** What begins here costs a page if it is damaged, and what is before it the connection: the checksums of PAGES are pages' too. */
        int pagesFrom() {
            return switch (type()) {
                case PAGES -> HEADER_BYTES + RUN_BYTES * integer(COUNT) + CRC_BYTES;
                case PAGE_DATA -> HEADER_BYTES;
                default -> length;
            };
        }
    }
}
