package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Adoption;
import org.splitmem.memory.vm.PagingSwitch;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRecord.Lender;
import org.splitmem.memory.vm.VmRecord.Lender.Stage;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/**
 * Gives a split VM other memory servers, and empties those that it is to have no more, while its guest runs here. Any thread; calls wait for
 * the new memory servers.
 *
 * <p>The order makes it safe to die at any moment: who is to lend is recorded before anybody is asked, and pages move only once the record says
 * which server is to be emptied. From then on housekeeping moves them, also the next daemon's, until the server has none.
 */
public final class LenderChanges {
    private static final Logger log = LoggerFactory.getLogger(LenderChanges.class);

    private final Claims claims;
    private final TaskMaker tasks;
    private final PeerHosts peers;
    private final PeerHosts.Peer self;
    private final PendingReleases releases;

    LenderChanges(Claims claims, TaskMaker tasks, PeerHosts peers, PeerHosts.Peer self, PendingReleases releases) {
        this.claims = claims;
        this.tasks = tasks;
        this.peers = peers;
        this.self = self;
        this.releases = releases;
    }

    /**
     * Begins to empty one of a VM's memory servers. When this returns it gets no more pages, and those it has are about to move.
     *
     * @throws RefusedException if it makes no sense, cannot be now, or a host did not do its part: nothing has changed then, and nothing stays
     *     reserved
     */
    public void empty(Vm vm, MovePagesRequest request) throws RefusedException {
        Claims.Claim claim = claims.claim(vm.uuid(), vm.name(), Claims.Purpose.LENDERS);
        try {
            requirePaged(vm);
            int from = indexOf(vm, request.from());
            if (vm.record().lenders().get(from).is(Stage.LEAVING)) {
                requireNoOthers(vm, request);
                new PagingSwitch(vm).change(leaving(vm.record().lenders(), from, request));
                return;
            }
            List<Lender> added = tasks.moreLenders(vm.record(), from, request.to());
            empty(vm, from, added, request);
        } catch (IOException e) {
            throw PeerRefusalException.asOurs(
                    e, "pages of VM " + vm.name() + " cannot be moved away from " + request.from());
        } finally {
            claim.close();
        }
    }

    private static void requirePaged(Vm vm) throws RefusedException {
        VmRecord record = vm.record();
        switch (record.phase()) {
            case PAGED -> {}
            case LOCAL ->
                throw new RefusedException(
                        RefusalCode.VM_LOCAL, "VM " + vm.name() + " is whole on this host: nothing of it is elsewhere");
            case INCOMING, LEAVING, LEFT ->
                throw new RefusedException(RefusalCode.VM_MIGRATING, "VM " + vm.name() + " is migrating");
        }
        if (record.source() != null || vm.session() == null || vm.paging() == null) {
            throw new RefusedException(
                    RefusalCode.VM_BUSY,
                    "VM " + vm.name() + " has not settled on this host yet: "
                            + (record.source() == null
                                    ? "its QEMU is not connected"
                                    : "pages of it are still to come from "
                                            + record.source().host()));
        }
    }

    private static int indexOf(Vm vm, String host) throws RefusedException {
        List<Lender> lenders = vm.record().lenders();
        return IntStream.range(0, lenders.size())
                .filter(i ->
                        lenders.get(i).host().equals(host) && lenders.get(i).keepsPages())
                .findFirst()
                .orElseThrow(() -> new RefusedException(
                        RefusalCode.NO_SUCH_SUB_HOST,
                        host + " keeps nothing of VM " + vm.name() + "; its sub-hosts: "
                                + String.join(
                                        ", ",
                                        vm.record().lent().stream()
                                                .map(Lender::host)
                                                .toList())));
    }

    private static void requireNoOthers(Vm vm, MovePagesRequest request) throws RefusedException {
        if (!request.to().isEmpty()) {
            throw new RefusedException(
                    RefusalCode.BEING_EMPTIED,
                    request.from() + " is being emptied of VM " + vm.name()
                            + " already; end that first, with --cancel, or wait for it");
        }
    }

    private void empty(Vm vm, int from, List<Lender> added, MovePagesRequest request) throws IOException {
        List<Lender> before = vm.record().lenders();
        try {
            if (!added.isEmpty()) {
                new PagingSwitch(vm).change(with(before, added, Stage.COMING));
                vm.reached(FaultPoint.MOVE_NOTED);
                reserve(vm, added);
            }
            new PagingSwitch(vm).change(leaving(with(before, added, null), from, request));
            vm.reached(FaultPoint.MOVE_RECORDED);
            log.info("vm={} {} is being emptied, new: {}", vm.uuid(), request.from(), names(added));
        } catch (IOException | RuntimeException e) {
            if (!added.isEmpty()) {
                giveBack(vm, before, added);
            }
            throw e;
        }
    }

    private static List<String> names(List<Lender> lenders) {
        return lenders.stream().map(Lender::host).toList();
    }

    private void reserve(Vm vm, List<Lender> added) throws IOException {
        VmRecord record = vm.record();
        long pages = Pages.fromBytes(record.ramBytes());
        for (Lender lender : added) {
            peers.reserve(
                    peers.find(lender.host()),
                    new PeerHosts.Reservation(
                            record.uuid(),
                            lender.token(),
                            record.epoch(),
                            pages,
                            lender.reservedBytes(),
                            self.name(),
                            self.name()));
        }
        vm.reached(FaultPoint.MOVE_RESERVED);
        for (Lender lender : added) { // a store without an owner would be freed some day
            Adoption.adopt(record.endpoint(lender));
        }
        vm.reached(FaultPoint.MOVE_ADOPTED);
    }

    private void giveBack(Vm vm, List<Lender> before, List<Lender> added) {
        releases.addStores(vm.uuid(), added);
        try {
            new PagingSwitch(vm).change(before);
        } catch (IOException e) {
            log.error(
                    "vm={} its record still names memory servers that lend it nothing: {}", vm.uuid(), e.getMessage());
        }
        releases.attempt(System.nanoTime());
    }

    /** At the indices that are free, and behind the others. */
    static List<Lender> with(List<Lender> before, List<Lender> added, @Nullable Stage stage) {
        List<Lender> all = new ArrayList<>(before);
        int at = 0;
        for (Lender lender : added) {
            Lender next = stage == null ? lender : lender.coming();
            while (at < before.size() && !before.get(at).is(Stage.GONE)) {
                at++;
            }
            if (at < before.size()) {
                all.set(at++, next);
            } else {
                all.add(next);
            }
        }
        return all;
    }

    private static List<Lender> leaving(List<Lender> lenders, int from, MovePagesRequest request) {
        List<Lender> all = new ArrayList<>(lenders);
        all.set(from, all.get(from).leaving(request.bandwidthBytesPerSecond()));
        return all;
    }

    /** Whether a memory server may go on keeping pages that are just being moved: not this host, which runs the VM. */
    boolean mayKeep(String host) {
        return !host.equals(self.name());
    }

    /** The memory server keeps what it still has, and may get more. @throws RefusedException if it is not being emptied, or may not */
    public void keep(Vm vm, String host) throws RefusedException {
        if (!mayKeep(host)) {
            throw new RefusedException(
                    RefusalCode.NOT_CANCELLABLE,
                    host + " is the main host of VM " + vm.name()
                            + " now, and goes on moving what it keeps as its sub-host to the others");
        }
        Claims.Claim claim = claims.claim(vm.uuid(), vm.name(), Claims.Purpose.LENDERS);
        try {
            requirePaged(vm);
            int index = indexOf(vm, host);
            List<Lender> all = new ArrayList<>(vm.record().lenders());
            if (!all.get(index).is(Stage.LEAVING)) {
                throw new RefusedException(
                        RefusalCode.NOT_BEING_EMPTIED, host + " is not being emptied of VM " + vm.name());
            }
            requireNotLetGo(vm, index, all.get(index));
            all.set(index, all.get(index).staying());
            new PagingSwitch(vm).change(all);
            log.info("vm={} {} is emptied no more", vm.uuid(), host);
        } catch (IOException e) {
            throw new RefusedException(
                    RefusalCode.FAILED, "the record of VM " + vm.name() + " cannot be changed: " + e.getMessage());
        } finally {
            claim.close();
        }
    }

    /** An earlier daemon may have noted that it is to free what it lent: told only later, that would take what it has got since. */
    private void requireNotLetGo(Vm vm, int index, Lender lender) throws RefusedException {
        if (new PagingSwitch(vm).isEmptied(index) || releases.isAnyPending(vm.uuid(), List.of(lender))) {
            throw new RefusedException(
                    RefusalCode.NOT_BEING_EMPTIED,
                    lender.host() + " has nothing of VM " + vm.name() + " any more, and is just being let go");
        }
    }

    /** What an earlier daemon began to ask for is given back; servers that are empty now are let go. By who holds the VM. */
    void settle(Vm vm) throws IOException {
        List<Lender> lenders = vm.record().lenders();
        List<Lender> next = new ArrayList<>(lenders);
        List<Lender> ended = new ArrayList<>();
        for (int i = 0; i < lenders.size(); i++) {
            Lender lender = lenders.get(i);
            if (lender.is(Stage.COMING) || (lender.is(Stage.LEAVING) && new PagingSwitch(vm).isEmptied(i))) {
                ended.add(lender);
                next.set(i, lender.gone());
            }
        }
        if (ended.isEmpty()) {
            return;
        }
        releases.addStores(vm.uuid(), ended); // first: the next daemon would not know whom to tell
        vm.reached(FaultPoint.MOVE_RELEASED);
        new PagingSwitch(vm).change(next);
        log.info("vm={} no memory servers of it any more: {}", vm.uuid(), names(ended));
    }
}
