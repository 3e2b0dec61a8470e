package org.splitmem.memory.migration;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.migration.RefusedException.Kind;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.DataSize;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationRequest;
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
        checkState(vm, record);
        long ram = record.ramBytes();
        if (request.destination().equals(self.name())) {
            throw invalid("same-host", "VM " + vm.name() + " is on " + self.name() + " already");
        }
        long budget = budget(request, ram);
        long rest = ram - budget;
        if (rest > 0 && request.subHosts().isEmpty()) {
            throw invalid(
                    "no-sub-hosts",
                    "a budget of " + text(budget) + " leaves " + text(rest) + " of the VM's " + text(ram)
                            + " RAM for sub-hosts, but none was named");
        }
        if (request.subHosts().size() > PageEntry.MAX_HOSTS) {
            throw invalid(
                    "too-many-sub-hosts",
                    "at most " + PageEntry.MAX_HOSTS + " sub-hosts, "
                            + request.subHosts().size() + " were named");
        }
        List<PeerHosts.Peer> subHosts = new ArrayList<>();
        List<VmRecord.Lender> lenders = rest == 0
                ? List.of()
                : lenders(request.subHosts(), rest, MigrationTask.headroomBytes(budget), subHosts);
        return new MigrationTask(
                UUID.randomUUID().toString(),
                peer(request.destination()),
                budget,
                lenders,
                subHosts,
                new VmRecord.Lender(self.name(), self.address(), self.dataPort(), token(), ram),
                record.epoch() + 1,
                orElse(request.streams(), config.streams()),
                request.bandwidthBytesPerSecond() == null
                        ? config.bandwidthBytesPerSecond()
                        : request.bandwidthBytesPerSecond(),
                request.handover() == null ? Handover.HYBRID : request.handover());
    }

    private static int orElse(@Nullable Integer given, int otherwise) {
        return given == null ? otherwise : given;
    }

    private static void checkState(Vm vm, VmRecord record) throws RefusedException {
        switch (record.phase()) {
            case LOCAL -> {}
            case PAGED ->
                throw new RefusedException(
                        Kind.CONFLICT,
                        "vm-split",
                        "VM " + vm.name()
                                + " is split: migrating a split VM is not supported yet; gather it first with "
                                + "\"splitmem budget " + vm.name() + " "
                                + record.ramBytes() + "\"");
            case INCOMING ->
                throw new RefusedException(
                        Kind.CONFLICT, "vm-incoming", "VM " + vm.name() + " is just migrating to this host");
            case LEAVING, LEFT ->
                throw new RefusedException(
                        Kind.CONFLICT, "vm-left", "VM " + vm.name() + " has migrated away from this host");
        }
        if (vm.session() == null || record.backendBytes().isEmpty()) {
            throw new RefusedException(
                    Kind.CONFLICT,
                    "vm-not-attached",
                    "QEMU of VM " + vm.name() + " is not connected to this daemon; see its log");
        }
    }

    private static long budget(MigrationRequest request, long ram) throws RefusedException {
        Long asked = request.budgetBytes();
        if (asked == null || asked >= ram) {
            return ram;
        }
        long budget = Pages.toBytes(Pages.fromBytes(asked));
        if (budget < Math.min(ram, VmRecord.LEAST_BUDGET_BYTES)) {
            throw invalid(
                    "budget-too-small",
                    "a budget of " + text(asked) + " is less than " + text(VmRecord.LEAST_BUDGET_BYTES)
                            + ", the least that a VM can run with");
        }
        return budget;
    }

    private List<VmRecord.Lender> lenders(
            List<SubHostShare> shares, long rest, long headroom, List<PeerHosts.Peer> found) throws RefusedException {
        long given = shares.stream()
                .mapToLong(s -> s.bytes() == null ? 0 : s.bytes())
                .sum();
        long open = shares.stream().filter(s -> s.bytes() == null).count();
        if (given < rest && open == 0) {
            throw invalid(
                    "plan-does-not-fit",
                    "the sub-hosts' shares add up to " + text(given) + ", but " + text(rest) + " are over the budget");
        }
        // Each a page more than its even part: what page rounding could cost.
        long even = open == 0 ? 0 : Pages.toBytes(Pages.fromBytes(Math.max(0, rest + headroom - given) / open) + 1);
        List<VmRecord.Lender> lenders = new ArrayList<>();
        for (SubHostShare share : shares) {
            if (share.host().equals(self.name())) {
                throw invalid(
                        "source-as-sub-host", "the source " + self.name() + " cannot be a sub-host of its own VM");
            }
            PeerHosts.Peer peer = peer(share.host());
            long bytes = share.bytes() == null ? even : share.bytes();
            found.add(peer);
            lenders.add(new VmRecord.Lender(
                    peer.name(), peer.address(), peer.dataPort(), token(), bytes + MigrationTask.SLACK_BYTES));
        }
        return lenders;
    }

    private PeerHosts.Peer peer(String name) throws RefusedException {
        try {
            return peers.find(name);
        } catch (IOException e) {
            throw new RefusedException(Kind.NOT_FOUND, "host-not-found", String.valueOf(e.getMessage()));
        }
    }

    private static String text(long bytes) {
        return DataSize.ofBytes(bytes).rounded();
    }

    private String token() {
        byte[] bytes = new byte[TOKEN_BYTES];
        random.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static RefusedException invalid(String code, String message) {
        return new RefusedException(Kind.INVALID, code, message);
    }
}
