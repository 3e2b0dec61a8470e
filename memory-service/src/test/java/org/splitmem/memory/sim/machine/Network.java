package org.splitmem.memory.sim.machine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Who listens where, all connections, and between which hosts nothing gets through. */
final class Network {
    /** After which a kernel takes a silent peer for gone. */
    static final long VANISHED_NS = 10_000_000_000L;

    private static final long LONGEST_RETRY_NS = 1_500_000_000L;

    private final Kernel kernel;
    private final Map<String, Listener> listeners = new HashMap<>();
    private final List<Connection> connections = new ArrayList<>();
    private final Set<String> cut = new HashSet<>(); // never iterated
    private @Nullable SimHostOs losing;
    private int losses;
    private int losingBytes;
    private int losingAfter;
    private int ports = 40_000;

    Network(Kernel kernel) {
        this.kernel = kernel;
    }

    Scheduler scheduler() {
        return kernel.scheduler();
    }

    long latency() {
        int dice = scheduler().random().nextInt(100);
        return dice < 90 ? 20_000 + scheduler().random().nextInt(200_000) : 5_000_000;
    }

    boolean bind(String address, Listener listener) {
        return listeners.putIfAbsent(address, listener) == null;
    }

    void unbind(String address, Listener listener) {
        listeners.remove(address, listener);
    }

    @Nullable
    Listener at(String address) {
        return listeners.get(address);
    }

    int nextPort() {
        return ports++;
    }

    Connection connect(SimProcess from, Listener to, String name, boolean isRemote) {
        Connection connection = new Connection(this, name, from, to.process(), isRemote);
        if (isRemote) {
            connections.removeIf(Connection::isOver);
            connections.add(connection);
        }
        return connection;
    }

    // ---- faults

    /** One of the next things that a host sends is the last on its connection, as far as it knows: pages rather than small frames. */
    void loseNext(SimHostOs host) {
        losing = host;
        losses = 1 + scheduler().random().nextInt(3);
        losingBytes = scheduler().random().nextBoolean() ? Native.PAGE : 1;
        losingAfter = 1 + scheduler().random().nextInt(losingBytes == 1 ? 12 : 4);
    }

    void loseNothing() {
        losing = null;
    }

    boolean losesNow(SimHostOs sender, int bytes) {
        if (losing != sender || bytes < losingBytes || --losingAfter > 0) {
            return false;
        }
        losingAfter = 1 + scheduler().random().nextInt(8);
        losing = --losses > 0 ? sender : null;
        return true;
    }

    private static String link(SimHostOs a, SimHostOs b) {
        return a.number() < b.number() ? a.name() + "-" + b.name() : b.name() + "-" + a.name();
    }

    boolean isCut(SimHostOs a, SimHostOs b) {
        return !cut.isEmpty() && cut.contains(link(a, b));
    }

    void cut(SimHostOs a, SimHostOs b) {
        cut.add(link(a, b));
        List<Connection> silent =
                connections.stream().filter(one -> one.isBetween(a, b)).toList();
        scheduler().at(scheduler().now() + VANISHED_NS, () -> {
            if (isCut(a, b)) {
                silent.forEach(one -> one.fail(Errors.ETIMEDOUT));
            }
        });
    }

    void heal(SimHostOs a, SimHostOs b) {
        if (cut.remove(link(a, b))) {
            connections.stream().filter(one -> one.isBetween(a, b)).forEach(this::resumeLater);
        }
    }

    /** Each when its sender tries again: a later connection's bytes may come before an earlier one's. */
    private void resumeLater(Connection silent) {
        silent.stall();
        scheduler().at(scheduler().now() + scheduler().random().nextLong(LONGEST_RETRY_NS), silent::resume);
    }

    List<Connection> of(SimHostOs host) {
        connections.removeIf(Connection::isOver);
        return connections.stream().filter(one -> one.touches(host)).toList();
    }
}
