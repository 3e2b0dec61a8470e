package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;

/** What a migration holds on other hosts: all of it is made, or none stays. Confined to the migration's thread. */
final class Reservations {
    private static final Logger log = LoggerFactory.getLogger(Reservations.class);

    private final Vm vm;
    private final MigrationTask task;
    private final PeerHosts peers;
    private final String localHost;
    private final PendingReleases releases;
    private final List<Integer> made = new ArrayList<>();
    private final List<Integer> named = new ArrayList<>();
    private boolean expected;

    Reservations(Vm vm, MigrationTask task, PeerHosts peers, String localHost, PendingReleases releases) {
        this.vm = vm;
        this.task = task;
        this.peers = peers;
        this.localHost = localHost;
        this.releases = releases;
    }

    /** @throws IOException if a host refuses; what was made until then is for {@link #release} */
    void make() throws IOException {
        VmRecord record = vm.record();
        long pages = record.backendBytes().stream().mapToLong(Pages::fromBytes).sum();
        if (task.isSplit()) {
            nameNextOwner(record);
            vm.reached(FaultPoint.NEXT_OWNER_NAMED);
        }
        for (Map.Entry<Integer, PeerHosts.Peer> subHost : task.subHosts().entrySet()) {
            VmRecord.Lender lender = task.lenders().get(subHost.getKey());
            made.add(subHost.getKey()); // before asking: an answer that gets lost may have been a yes
            peers.reserve(
                    subHost.getValue(),
                    new PeerHosts.Reservation(
                            record.uuid(),
                            lender.token(),
                            task.epoch() - 1,
                            pages,
                            lender.reservedBytes(),
                            localHost,
                            task.destination().name()));
        }
        expected = true;
        peers.prepareIncoming(
                task.destination(),
                new PeerHosts.Incoming(
                        record.uuid(),
                        record.name(),
                        task.id(),
                        record.backendBytes(),
                        task.epoch(),
                        task.budgetBytes(),
                        task.lenders(),
                        task.source(),
                        task.isSplit() && task.bandwidthBytesPerSecond() > 0 ? task.bandwidthBytesPerSecond() : null));
    }

    /** Sub-hosts that stay let the destination read from now on. */
    private void nameNextOwner(VmRecord record) throws IOException {
        for (int i = 0; i < task.lenders().size(); i++) {
            VmRecord.Lender lender = task.lenders().get(i);
            if (lender.keepsPages() && !task.subHosts().containsKey(i)) {
                named.add(i); // before asking
                tell(
                        record.lenders().get(i),
                        new StoreRecord.Next(task.destination().name(), lender.token(), task.epoch()));
            }
        }
    }

    private void tell(VmRecord.Lender lender, StoreRecord.@Nullable Next next) throws IOException {
        peers.nameNextOwner(peers.find(lender.host()), new PeerHosts.NextOwner(vm.uuid(), lender.token(), next));
    }

    /**
     * Gives everything back. A sub-host that is away is told when it is back; a destination finds out by itself, when the
     * migration's connections end.
     */
    void release() {
        if (expected) {
            attempt(
                    task.destination().name(),
                    () -> peers.cancelIncoming(
                            task.destination(), vm.uuid(), task.source().token()));
        }
        for (int i : made) {
            VmRecord.Lender lender = task.lenders().get(i);
            PeerHosts.Peer host = Objects.requireNonNull(task.subHosts().get(i));
            if (!attempt(host.name(), () -> peers.release(host, vm.uuid(), lender.token()))) {
                releases.addStores(vm.uuid(), List.of(lender));
            }
        }
        for (int i : named) {
            VmRecord.Lender lender = vm.record().lenders().get(i);
            attempt(
                    lender.host(),
                    () -> tell(lender, null)); // one that misses it hears of it when the owner adopts anew
        }
        named.clear();
        made.clear();
        expected = false;
    }

    private interface Call {
        void run() throws IOException;
    }

    private boolean attempt(String peer, Call call) {
        try {
            call.run();
            return true;
        } catch (IOException e) {
            log.warn("vm={} {} could not be told that the migration is over: {}", vm.uuid(), peer, e.getMessage());
            return false;
        }
    }
}
