package org.splitmem.memory.simulation;

import java.io.IOException;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.server.StoreRecord;

/** The other hosts' daemons as one daemon reaches them: what HTTP is for the real ones. */
final class SimPeers implements PeerHosts {
    private final Simulation simulation;
    private final SimDaemon caller;

    SimPeers(Simulation simulation, SimDaemon caller) {
        this.simulation = simulation;
        this.caller = caller;
    }

    @Override
    public Peer find(String name) throws IOException {
        return simulation.host(name).asPeer();
    }

    private <T> T ask(String name, Callable<T> task, SimDaemon daemon) throws IOException {
        try {
            return daemon.call(task, caller::requireAlive);
        } catch (IOException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException("host " + name + " refused: " + e.getMessage(), e);
        }
    }

    private SimDaemon at(Peer peer) throws IOException {
        caller.requireAlive();
        return simulation.host(peer.name()).daemon();
    }

    @Override
    public void reserve(Peer peer, Reservation r) throws IOException {
        SimDaemon to = at(peer);
        ask(
                peer.name(),
                () -> {
                    to.server()
                            .reserve(new StoreRecord(
                                    r.vm(), r.token(), r.epoch(), r.pages(), r.bytes(), r.owner(), false));
                    return true;
                },
                to);
    }

    @Override
    public void release(Peer peer, UUID vm, String token) throws IOException {
        SimDaemon to = at(peer);
        ask(peer.name(), () -> to.server().release(vm, token), to);
    }

    @Override
    public void prepareIncoming(Peer peer, Incoming incoming) throws IOException {
        SimDaemon to = at(peer);
        ask(
                peer.name(),
                () -> {
                    to.migrations().prepare(incoming);
                    return true;
                },
                to);
    }

    @Override
    public void cancelIncoming(Peer peer, UUID vm, String token) throws IOException {
        SimDaemon to = at(peer);
        ask(
                peer.name(),
                () -> {
                    to.migrations().cancel(vm, token);
                    return true;
                },
                to);
    }

    @Override
    public void arrived(Peer source, UUID vm, String token) throws IOException {
        SimDaemon to = at(source);
        ask(
                source.name(),
                () -> {
                    to.migrations().arrived(vm, token);
                    return true;
                },
                to);
    }

    @Override
    public Fate fate(Peer source, UUID vm, String token) throws IOException {
        SimDaemon to = at(source);
        return ask(source.name(), () -> to.migrations().fate(vm, token), to);
    }

    @Override
    public boolean wantsStores(Peer source, UUID vm) throws IOException {
        SimDaemon to = at(source);
        return ask(source.name(), () -> to.migrations().wantsStores(vm), to);
    }
}
