package org.splitmem.memory.simulation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.splitmem.memory.migration.PeerHosts;

/** A host: a loopback address and a directory of its own, and a daemon that may be killed and started again. */
final class SimHost {
    static final int DATA_PORT = 7780;
    /** Each host's address differs, also from those of another test run: a port is never another's. */
    private static final AtomicInteger ADDRESSES = new AtomicInteger();

    private final Simulation simulation;
    private final String name;
    private final Path root;
    private final String address;
    /** Read: a QEMU attaches. A daemon that dies then would have to be a process to be simulated. */
    private final ReadWriteLock attaching = new ReentrantReadWriteLock();

    private int generation;
    private boolean buried;
    private volatile SimDaemon daemon;

    SimHost(Simulation simulation, String name, Path root) throws Exception {
        this.simulation = simulation;
        this.name = name;
        this.root = root;
        int number = ADDRESSES.incrementAndGet();
        this.address = "127." + (64 + ProcessHandle.current().pid() % 128) + "." + (number / 250 % 250) + "."
                + (1 + number % 250);
        Files.createDirectories(monitorDirectory());
        this.daemon = SimDaemon.start(this, memory(), simulation);
    }

    private Path memory() {
        return root.resolve("memory-" + generation);
    }

    String name() {
        return name;
    }

    String address() {
        return address;
    }

    PeerHosts.Peer asPeer() {
        return new PeerHosts.Peer(name, address, DATA_PORT);
    }

    Path shimSocket() {
        return root.resolve("shim.sock");
    }

    Path monitorDirectory() {
        return root.resolve("qmp");
    }

    Path monitorSocket(UUID vm) {
        return monitorDirectory().resolve(vm + ".sock");
    }

    ReadWriteLock attaching() {
        return attaching;
    }

    /** @throws IOException if it is dead now */
    SimDaemon daemon() throws IOException {
        SimDaemon d = daemon;
        if (d.isDead()) {
            throw new IOException("host " + name + " does not answer");
        }
        return d;
    }

    boolean isUp() {
        return !daemon.isDead();
    }

    /** Marks the daemon as dead. @return false if it was already */
    synchronized boolean die() {
        if (daemon.isDead()) {
            return false;
        }
        daemon.markDead();
        return true;
    }

    /** Cuts what the dead daemon had. */
    synchronized void buryDaemon() throws Exception {
        attaching.writeLock().lock();
        try {
            generation++;
            daemon.finish(memory());
            buried = true;
        } finally {
            attaching.writeLock().unlock();
        }
    }

    /** A new daemon takes up what the dead one left. */
    synchronized void restart() throws Exception {
        if (buried) {
            daemon = SimDaemon.start(this, memory(), simulation);
            buried = false;
        }
    }

    /** What the daemon keeps on its tmpfs, other than its own lists. */
    long filesKept() throws IOException {
        long kept = 0;
        for (String kind : new String[] {"vms", "stores"}) {
            try (var files = Files.list(memory().resolve(kind))) {
                kept += files.count();
            }
        }
        return kept;
    }
}
