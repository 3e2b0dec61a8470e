package org.splitmem.memory.migration;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRecord.Lender.Stage;
import org.splitmem.model.DataSize;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;

/** Checks a request against what is known here, and makes every choice it left open. Any thread. */
final class TaskMaker {
    private static final int TOKEN_BYTES = 32;

    private final PeerHosts.Peer self;
    private final PeerHosts peers;
    private final MigrationConfig config;
    private final SecureRandom random = new SecureRandom();

    TaskMaker(PeerHosts.Peer self, PeerHosts peers, MigrationConfig config) {
        this.self = self;
        this.peers = peers;
        this.config = config;
    }

    /** @throws RefusedException naming what is wrong with the request */
    MigrationTask make(Vm vm, MigrationRequest request) throws RefusedException {
        VmRecord record = vm.record();
        if (request.destination().equals(self.name())) {
            throw new RefusedException(RefusalCode.SAME_HOST, "VM " + vm.name() + " is on " + self.name() + " already");
        }
        if (record.phase() == VmRecord.Phase.PAGED) {
            requireMovable(vm, record, request);
            return makeOfSplit(vm, record, request);
        }
        checkState(vm, record);
        long ram = record.ramBytes();
        long budget = budget(request.budgetBytes(), ram);
        List<PeerHosts.Peer> subHosts = new ArrayList<>();
        List<VmRecord.Lender> lenders = lenders(request.subHosts(), ram, budget, subHosts);
        return make(record, request, budget, false, lenders, byIndex(lenders, lenders, subHosts));
    }

    /** @param all among which {@code added} are */
    private static SortedMap<Integer, PeerHosts.Peer> byIndex(
            List<VmRecord.Lender> all, List<VmRecord.Lender> added, List<PeerHosts.Peer> peers) {
        SortedMap<Integer, PeerHosts.Peer> byIndex = new TreeMap<>();
        for (int i = 0; i < added.size(); i++) {
            byIndex.put(all.indexOf(added.get(i)), peers.get(i)); // no two have the same token
        }
        return byIndex;
    }

    /**
     * Its main host moves. Its sub-hosts keep what they have; those that were not named, if any was, are emptied afterwards, and so is the
     * destination if it is one of them. This host may be a new one: its guest is elsewhere by the time that pages come.
     */
    private MigrationTask makeOfSplit(Vm vm, VmRecord record, MigrationRequest request) throws RefusedException {
        long budget = request.budgetBytes() == null
                ? Math.min(record.ramBytes(), Pages.toBytes(vm.budgetPages()))
                : budget(request.budgetBytes(), record.ramBytes());
        long rate = bandwidth(request);
        List<VmRecord.Lender> kept = new ArrayList<>();
        for (VmRecord.Lender lender : record.lenders()) {
            boolean stays = lender.is(Stage.GONE) || stays(request, lender);
            kept.add(stays ? lender.sharedUnder(token()) : lender.sharedAndLeaving(token(), rate == 0 ? null : rate));
        }
        List<SubHostShare> others = request.subHosts().stream()
                .filter(share ->
                        record.lent().stream().noneMatch(lender -> lender.host().equals(share.host())))
                .toList();
        long staying = keptBytes(kept.stream().filter(l -> l.is(Stage.SHARED)).toList());
        long rest = record.ramBytes() - budget;
        if (others.isEmpty()) {
            requireRoom(record, budget, staying);
            return make(record, request, budget, true, kept, new TreeMap<>());
        }
        if (record.lent().size() + others.size() > PageEntry.MAX_HOMES) {
            throw tooMany(record.lent().size() + others.size());
        }
        List<PeerHosts.Peer> peers = new ArrayList<>();
        List<VmRecord.Lender> added =
                reserved(others, Math.max(0, rest - staying), MigrationTask.headroomBytes(budget), peers);
        List<VmRecord.Lender> all = LenderChanges.with(kept, added, null);
        return make(record, request, budget, true, all, byIndex(all, added, peers));
    }

    private static boolean stays(MigrationRequest request, VmRecord.Lender lender) {
        return !lender.host().equals(request.destination())
                && (request.subHosts().isEmpty() || names(request, lender));
    }

    private static boolean names(MigrationRequest request, VmRecord.Lender lender) {
        return request.subHosts().stream().anyMatch(share -> share.host().equals(lender.host()));
    }

    private static RefusedException tooMany(int subHosts) {
        return new RefusedException(
                RefusalCode.TOO_MANY_SUB_HOSTS,
                "a VM has at most " + PageEntry.MAX_HOMES + " sub-hosts at a time, these would be " + subHosts);
    }

    private MigrationTask make(
            VmRecord record,
            MigrationRequest request,
            long budget,
            boolean isSplit,
            List<VmRecord.Lender> lenders,
            SortedMap<Integer, PeerHosts.Peer> subHosts)
            throws RefusedException {
        return new MigrationTask(
                request.id() == null ? UUID.randomUUID().toString() : request.id(),
                peer(request.destination()),
                budget,
                isSplit,
                lenders,
                subHosts,
                new VmRecord.Lender(self.name(), self.address(), self.dataPort(), token(), record.ramBytes()),
                record.epoch() + 1,
                orElse(request.streams(), config.streams()),
                bandwidth(request),
                request.handover() == null ? Handover.HYBRID : request.handover(),
                new Origin(request.novaMigrationUuid(), RequestId.current()));
    }

    /** 0: no limit. */
    private long bandwidth(MigrationRequest request) {
        return request.bandwidthBytesPerSecond() == null
                ? config.bandwidthBytesPerSecond()
                : request.bandwidthBytesPerSecond();
    }

    private void requireMovable(Vm vm, VmRecord record, MigrationRequest request) throws RefusedException {
        requireAttached(vm, record);
        if (record.source() != null) {
            throw busy(
                    vm,
                    "it has not settled on this host yet since it came from "
                            + record.source().host());
        }
        if (record.lent().isEmpty()) {
            throw busy(vm, "all of it is here, and splitmemd is just ceasing to page it");
        }
        for (VmRecord.Lender lender : record.lent()) {
            if (lender.stage() != null) {
                throw new RefusedException(
                        RefusalCode.BEING_EMPTIED,
                        "pages of VM " + vm.name() + " are just being moved away from " + lender.host()
                                + ": wait for that" + orEndIt(vm, lender));
            }
        }
        for (SubHostShare share : request.subHosts()) {
            boolean isKept =
                    record.lent().stream().anyMatch(lender -> lender.host().equals(share.host()));
            if (isKept && share.bytes() != null) {
                throw new RefusedException(
                        RefusalCode.SUB_HOST_KEEPS_ITS_SHARE,
                        share.host() + " is a sub-host of VM " + vm.name()
                                + " already, and goes on lending what it has reserved: name it without a size");
            }
        }
    }

    /** Not if it was a sub-host of what is here now. */
    private String orEndIt(Vm vm, VmRecord.Lender lender) {
        return lender.host().equals(self.name())
                ? ""
                : ", or end it with \"splitmem move-pages " + vm.name() + " --from " + lender.host() + " --cancel\"";
    }

    private static RefusedException busy(Vm vm, String why) {
        return new RefusedException(RefusalCode.VM_BUSY, "VM " + vm.name() + " cannot migrate now: " + why);
    }

    /** What these may keep at most, for good. */
    private static long keptBytes(List<VmRecord.Lender> lenders) {
        return lenders.stream()
                .mapToLong(lender -> lender.reservedBytes() - MigrationTask.SLACK_BYTES)
                .sum();
    }

    /** What is over the budget has to find room on the sub-hosts that stay. */
    private static void requireRoom(VmRecord record, long budget, long kept) throws RefusedException {
        long rest = record.ramBytes() - budget;
        if (rest > kept) {
            throw new RefusedException(
                    RefusalCode.PLAN_DOES_NOT_FIT,
                    "a budget of " + text(budget) + " leaves " + text(rest) + " of the VM's " + text(record.ramBytes())
                            + " RAM to the sub-hosts that it keeps, which have reserved " + text(Math.max(0, kept))
                            + ": name others as well");
        }
    }

    /**
     * A VM's split on the host where it is.
     *
     * @param budgetBytes in whole pages
     */
    record Split(long ramBytes, long budgetBytes, List<VmRecord.Lender> lenders) {
        /** One sub-host's part. */
        Split at(VmRecord.Lender lender) {
            return new Split(ramBytes, budgetBytes, List.of(lender));
        }
    }

    /** @throws RefusedException naming what is wrong with the request, or with the VM's state */
    Split split(Vm vm, SplitRequest request) throws RefusedException {
        VmRecord record = vm.record();
        if (record.phase() == VmRecord.Phase.PAGED) {
            throw new RefusedException(
                    RefusalCode.VM_SPLIT,
                    "VM " + vm.name() + " is split already; \"splitmem budget\" changes how much of it is here");
        }
        checkState(vm, record);
        long ram = ramBytes(record);
        if (request.ramBytes() != null && request.ramBytes() != ram) {
            throw new RefusedException(
                    RefusalCode.RAM_DIFFERS,
                    "VM " + vm.name() + " has " + text(ram) + " RAM, " + text(request.ramBytes()) + " were named");
        }
        return split(ram, request);
    }

    /** The same for a VM that is not here yet. */
    Split split(long ram, SplitRequest request) throws RefusedException {
        if (request.budgetBytes() >= ram) {
            throw new RefusedException(
                    RefusalCode.BUDGET_TOO_LARGE,
                    "a budget of " + text(request.budgetBytes()) + " leaves nothing of the VM's " + text(ram)
                            + " RAM to be kept elsewhere");
        }
        long budget = budget(request.budgetBytes(), ram);
        return new Split(ram, budget, lenders(request.subHosts(), ram, budget, new ArrayList<>()));
    }

    private static long ramBytes(VmRecord record) {
        return record.backendBytes().stream().mapToLong(Long::longValue).sum();
    }

    private static int orElse(@Nullable Integer given, int otherwise) {
        return given == null ? otherwise : given;
    }

    private static void checkState(Vm vm, VmRecord record) throws RefusedException {
        switch (record.phase()) {
            case LOCAL -> {}
            case PAGED -> throw new IllegalStateException("VM " + vm.name() + " is split");
            case INCOMING ->
                throw new RefusedException(
                        RefusalCode.VM_INCOMING, "VM " + vm.name() + " is just migrating to this host");
            case LEAVING, LEFT ->
                throw new RefusedException(
                        RefusalCode.VM_LEFT, "VM " + vm.name() + " has migrated away from this host");
        }
        requireAttached(vm, record);
    }

    private static void requireAttached(Vm vm, VmRecord record) throws RefusedException {
        if (vm.session() == null || record.backendBytes().isEmpty()) {
            throw new RefusedException(
                    RefusalCode.VM_NOT_ATTACHED,
                    "QEMU of VM " + vm.name() + " is not connected to this daemon; see its log");
        }
    }

    private static long budget(@Nullable Long asked, long ram) throws RefusedException {
        if (asked == null || asked >= ram) {
            return ram;
        }
        long budget = Pages.toBytes(Pages.fromBytes(asked));
        if (budget < Math.min(ram, VmRecord.LEAST_BUDGET_BYTES)) {
            throw new RefusedException(
                    RefusalCode.BUDGET_TOO_SMALL,
                    "a budget of " + text(asked) + " is less than " + text(VmRecord.LEAST_BUDGET_BYTES)
                            + ", the least that a VM can run with");
        }
        return budget;
    }

    private List<VmRecord.Lender> lenders(List<SubHostShare> shares, long ram, long budget, List<PeerHosts.Peer> found)
            throws RefusedException {
        long rest = ram - budget;
        if (rest > 0 && shares.isEmpty()) {
            throw new RefusedException(
                    RefusalCode.NO_SUB_HOSTS,
                    "a budget of " + text(budget) + " leaves " + text(rest) + " of the VM's " + text(ram)
                            + " RAM for sub-hosts, but none was named");
        }
        if (shares.size() > PageEntry.MAX_HOMES) {
            throw tooMany(shares.size());
        }
        return rest == 0 ? List.of() : lend(shares, rest, MigrationTask.headroomBytes(budget), found);
    }

    /** Other hosts are to lend: what runs here is not kept here for itself. */
    private List<VmRecord.Lender> lend(List<SubHostShare> shares, long rest, long headroom, List<PeerHosts.Peer> found)
            throws RefusedException {
        for (SubHostShare share : shares) {
            if (share.host().equals(self.name())) {
                throw new RefusedException(
                        RefusalCode.SOURCE_AS_SUB_HOST,
                        "the source " + self.name() + " cannot be a sub-host of its own VM");
            }
        }
        return reserved(shares, rest, headroom, found);
    }

    private List<VmRecord.Lender> reserved(
            List<SubHostShare> shares, long rest, long headroom, List<PeerHosts.Peer> found) throws RefusedException {
        long given = shares.stream()
                .mapToLong(s -> s.bytes() == null ? 0 : s.bytes())
                .sum();
        long open = shares.stream().filter(s -> s.bytes() == null).count();
        if (given < rest && open == 0) {
            throw new RefusedException(
                    RefusalCode.PLAN_DOES_NOT_FIT,
                    "the sub-hosts' shares add up to " + text(given) + ", but " + text(rest) + " are over the budget");
        }
        // Each a page more than its even part: what page rounding could cost.
        long even = open == 0 ? 0 : Pages.toBytes(Pages.fromBytes(Math.max(0, rest + headroom - given) / open) + 1);
        List<VmRecord.Lender> lenders = new ArrayList<>();
        for (SubHostShare share : shares) {
            PeerHosts.Peer peer = peer(share.host());
            long bytes = share.bytes() == null ? even : share.bytes();
            found.add(peer);
            lenders.add(new VmRecord.Lender(
                    peer.name(), peer.address(), peer.dataPort(), token(), bytes + MigrationTask.SLACK_BYTES));
        }
        return lenders;
    }

    /**
     * Further memory servers for a split VM, of which one is to be emptied.
     *
     * @param from the index of that one
     * @return none if those that stay have room enough
     */
    List<VmRecord.Lender> moreLenders(VmRecord record, int from, List<SubHostShare> shares) throws RefusedException {
        List<VmRecord.Lender> staying = new ArrayList<>(record.staying());
        VmRecord.Lender leaves = record.lenders().get(from);
        staying.remove(leaves);
        for (SubHostShare share : shares) {
            if (record.lent().stream().anyMatch(lender -> lender.host().equals(share.host()))) {
                throw new RefusedException(
                        RefusalCode.SUB_HOST_TWICE,
                        share.host() + " is a sub-host of VM " + record.name()
                                + " already: without --to its room is used");
            }
        }
        long ram = ramBytes(record);
        long rest = record.budgetBytes() < 0 ? 0 : Math.max(0, ram - record.budgetBytes());
        long kept = keptBytes(staying);
        if (shares.isEmpty()) {
            if (kept < rest) {
                throw new RefusedException(
                        RefusalCode.NO_ROOM,
                        "without " + leaves.host() + " the sub-hosts of VM " + record.name() + " have reserved "
                                + text(Math.max(0, kept)) + ", but " + text(rest)
                                + " of its RAM are over its budget: name others with --to");
            }
            return List.of();
        }
        if (record.lent().size() + shares.size() > PageEntry.MAX_HOMES) {
            throw tooMany(record.lent().size() + shares.size());
        }
        long headroom = MigrationTask.headroomBytes(record.budgetBytes());
        return lend(shares, Math.max(0, rest - kept), headroom, new ArrayList<>());
    }

    private PeerHosts.Peer peer(String name) throws RefusedException {
        try {
            return peers.find(name);
        } catch (IOException e) {
            throw new RefusedException(RefusalCode.HOST_NOT_FOUND, String.valueOf(e.getMessage()));
        }
    }

    private static String text(long bytes) {
        return DataSize.ofBytes(bytes).rounded();
    }

    /** Nobody can guess it. */
    String token() {
        byte[] bytes = new byte[TOKEN_BYTES];
        random.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}
