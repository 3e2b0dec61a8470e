package org.splitmem.memory.testing;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.server.DataServer;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.server.Neighbours;
import org.splitmem.memory.server.StoreRecord;

/** A host that lends memory: a real memory server on a port of its own, which can go away and come back. */
public final class Lender implements AutoCloseable {
    public static final String TOKEN = "5ec2e7".repeat(10) + "5ec2";

    /** For a memory server that knows no other. */
    public static final Neighbours NO_NEIGHBOUR = host -> {
        throw new IOException("host " + host + " is not known");
    };

    private final String name;
    private final Path directory;
    private final InetSocketAddress address = Ports.free();
    private final Map<String, Lender> neighbours = new ConcurrentHashMap<>();
    private @Nullable DamagingRelay relay;
    private MemoryServer server;
    private DataServer data;
    private boolean up;

    public Lender(String name, Path directory) throws IOException {
        this.name = name;
        this.directory = directory;
        comeBack();
    }

    /** Starts over from the files: what a restarted daemon does. */
    public void comeBack() throws IOException {
        server = new MemoryServer(directory, Long.MAX_VALUE / 2, () -> Long.MAX_VALUE / 2, this::neighbour);
        server.recover();
        data = new DataServer(address, List.of(server));
        data.start();
        up = true;
    }

    /** Ends all connections and listens no more. */
    public void goAway() {
        up = false;
        data.close();
    }

    private InetSocketAddress neighbour(String host) throws IOException {
        Lender other = neighbours.get(host);
        return other == null ? NO_NEIGHBOUR.dataPortOf(host) : other.address();
    }

    /** From now on it may fetch pages from that one. */
    public void knows(Lender other) {
        neighbours.put(other.name, other);
    }

    public Lender reserve(UUID vm, long pages, long bytes) throws Exception {
        server.reserve(new StoreRecord(vm, TOKEN, 1, pages, bytes, "h1", "h1", false));
        return this;
    }

    /** From now on those who connect to it do so through a relay. */
    public Lender behind(DamagingRelay.Damage damage) throws IOException {
        relay = new DamagingRelay(address, damage);
        return this;
    }

    public MemoryServer server() {
        return server;
    }

    public InetSocketAddress address() {
        return relay == null ? address : relay.address();
    }

    public String name() {
        return name;
    }

    public Endpoint endpoint(UUID vm, long epoch, long pages) {
        return new Endpoint(name, address(), vm, TOKEN, epoch, pages);
    }

    @Override
    public void close() {
        if (up) {
            goAway();
        }
        if (relay != null) {
            relay.close();
        }
    }
}
