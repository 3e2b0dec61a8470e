package org.splitmem.memory.simulation;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.control.VmLists;
import org.splitmem.memory.drain.MainHosts;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.migration.PeerRefusalException;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.vm.Vm;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.VmInfo;

/** The other hosts' daemons as one daemon reaches them: what HTTP is for the real ones. */
final class SimPeers implements PeerHosts, MainHosts {
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

    private interface Question<T> {
        T ask(SimDaemon daemon) throws Exception;
    }

    private interface Order {
        void give(SimDaemon daemon) throws Exception;
    }

    private <T> T ask(Peer peer, Question<T> question) throws IOException {
        caller.requireAlive();
        SimDaemon daemon = simulation.host(peer.name()).daemon();
        try {
            return daemon.call(() -> question.ask(daemon), caller::requireAlive);
        } catch (IOException e) {
            throw e;
        } catch (RefusedException e) {
            throw new PeerRefusalException(e.refusal().saying("host " + peer.name() + " refused: " + e.text()));
        } catch (Exception e) {
            throw new IOException("host " + peer.name() + " refused: " + e.getMessage(), e);
        }
    }

    private void tell(Peer peer, Order order) throws IOException {
        ask(peer, daemon -> {
            order.give(daemon);
            return true;
        });
    }

    @Override
    public void reserve(Peer peer, Reservation r) throws IOException {
        StoreRecord wanted =
                new StoreRecord(r.vm(), r.token(), r.epoch(), r.pages(), r.bytes(), r.owner(), r.main(), false);
        tell(peer, daemon -> daemon.server().reserve(wanted));
    }

    @Override
    public void release(Peer peer, UUID vm, String token) throws IOException {
        tell(peer, daemon -> daemon.server().release(vm, token));
    }

    @Override
    public void nameNextOwner(Peer peer, NextOwner named) throws IOException {
        tell(peer, daemon -> {
            if (!daemon.server().setNextOwner(named.vm(), named.token(), named.next())) {
                throw new IOException("nothing is kept of VM " + named.vm() + " under that token");
            }
        });
    }

    @Override
    public void prepareIncoming(Peer peer, Incoming incoming) throws IOException {
        tell(peer, daemon -> daemon.migrations().incoming().prepare(incoming));
    }

    @Override
    public void cancelIncoming(Peer peer, UUID vm, String token) throws IOException {
        tell(peer, daemon -> daemon.migrations().incoming().cancel(vm, token));
    }

    @Override
    public void arrived(Peer source, UUID vm, String token) throws IOException {
        tell(source, daemon -> daemon.migrations().arrived(vm, token));
    }

    @Override
    public Fate fate(Peer source, UUID vm, String token) throws IOException {
        return ask(source, daemon -> daemon.migrations().fate(vm, token));
    }

    @Override
    public Arrival arrival(Peer destination, UUID vm, String token, long epoch) throws IOException {
        return ask(destination, daemon -> daemon.migrations().incoming().arrival(vm, token, epoch));
    }

    @Override
    public Fenced fence(Peer peer, String host, @Nullable UUID vm) throws IOException {
        return ask(peer, daemon -> Fenced.of(daemon.server().fence(host, vm)));
    }

    @Override
    public List<Peer> all() {
        return simulation.hosts().stream()
                .filter(host -> host != caller.host())
                .map(SimHost::asPeer)
                .toList();
    }

    @Override
    public boolean runs(Peer peer, @Nullable UUID vm) throws IOException {
        return ask(peer, daemon -> vm == null || daemon.vms().find(vm) != null);
    }

    @Override
    public boolean reaches(Peer witness, String host) throws IOException {
        Peer asked = find(host);
        return ask(witness, daemon -> {
            try {
                return runs(asked, null);
            } catch (IOException e) {
                return false;
            }
        });
    }

    @Override
    public boolean wantsStores(Peer source, UUID vm) throws IOException {
        return ask(source, daemon -> daemon.expected().wantsStores(vm));
    }

    // ---- of a host that is to be emptied

    @Override
    public List<String> names() {
        return all().stream().map(Peer::name).toList();
    }

    @Override
    public void requireKnown(String host) throws IOException {
        find(host);
    }

    @Override
    public List<VmInfo> vms(String host) throws IOException {
        return ask(find(host), daemon -> VmLists.of(daemon.vms()));
    }

    @Override
    public void movePages(String host, UUID vm, MovePagesRequest request) throws IOException {
        tell(find(host), daemon -> daemon.migrations().lenderChanges().empty(here(daemon, vm), request));
    }

    @Override
    public void keepPages(String host, UUID vm, String from) throws IOException {
        tell(find(host), daemon -> daemon.migrations().lenderChanges().keep(here(daemon, vm), from));
    }

    private static Vm here(SimDaemon daemon, UUID vm) throws IOException {
        Vm here = daemon.vms().find(vm);
        if (here == null) {
            throw new PeerRefusalException(Refusal.of(RefusalCode.VM_NOT_FOUND, "no VM " + vm));
        }
        return here;
    }

    @Override
    public long roomOf(String host) throws IOException {
        return ask(find(host), daemon -> daemon.server().roomBytes());
    }
}
