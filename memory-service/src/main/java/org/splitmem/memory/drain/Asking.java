package org.splitmem.memory.drain;

import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.migration.PeerRefusalException;
import org.splitmem.memory.migration.RoomWithout;
import org.splitmem.memory.thread.Pauses;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * What main hosts are asked about their VMs. Any thread, but one VM's by one thread at a time; each call waits for the main host, and for those
 * that may take pages.
 */
final class Asking {
    private static final Logger log = LoggerFactory.getLogger(Asking.class);
    /** Refusals by which nothing is to be ended. */
    private static final Set<RefusalCode> NOT_MOVING = EnumSet.of(
            RefusalCode.NOT_BEING_EMPTIED,
            RefusalCode.NO_SUCH_SUB_HOST,
            RefusalCode.VM_NOT_FOUND,
            RefusalCode.VM_LOCAL);

    private final Lending lending;
    private final MainHosts hosts;
    private final Pauses<UUID> pauses = new Pauses<>();

    Asking(Lending lending, MainHosts hosts) {
        this.lending = lending;
        this.hosts = hosts;
    }

    /** What an operator wants has changed: what was refused need not be any more. */
    void endPauses() {
        pauses.end();
    }

    void forgetAllBut(Set<UUID> vms) {
        pauses.keepOnly(vms);
    }

    /**
     * Has the pages of a VM leave, unless they do already.
     *
     * @param vm as its main host has just described it
     * @param before how it stood the last time; null if nothing is known
     * @return how it stands
     */
    Status leave(UUID uuid, VmInfo vm, String mainHost, @Nullable Status before, long nowNs) {
        Standing standing = Standing.of(vm, mainHost, lending.self());
        return switch (standing.kind()) {
            case MOVING -> new Status(mainHost, vm.name(), true, standing.trouble());
            case HAS_TO_WAIT -> new Status(mainHost, vm.name(), false, standing.trouble());
            case MAY_BE_ASKED -> {
                if (!pauses.isOver(uuid, nowNs)) {
                    yield before == null ? new Status(mainHost, vm.name(), false, null) : before;
                }
                String trouble = ask(uuid, vm, mainHost);
                if (trouble == null) {
                    pauses.answered(uuid, nowNs);
                } else {
                    pauses.failed(uuid, nowNs);
                }
                yield new Status(mainHost, vm.name(), trouble == null, trouble);
            }
        };
    }

    /** @return why its pages do not move; null if they are about to */
    private @Nullable String ask(UUID uuid, VmInfo vm, String mainHost) {
        String self = lending.self();
        List<SubHostShare> shares;
        try {
            shares = Takers.choose(vm, mainHost, self, takers(vm));
            lending.note(
                    record -> record.asking(uuid, shares)); // first: if this daemon dies, the next one can take it back
        } catch (RefusedException | IOException e) {
            return String.valueOf(e.getMessage());
        }
        try {
            hosts.movePages(mainHost, uuid, new MovePagesRequest(self, shares, null));
            log.info("vm={} {} moves its pages away from here, new sub-hosts: {}", uuid, mainHost, shares);
            return null;
        } catch (PeerRefusalException e) {
            takeBack(shares);
            if (e.refusal().is(RefusalCode.BEING_EMPTIED)) {
                return null;
            }
            log.warn("vm={} {} does not move its pages away from here: {}", uuid, mainHost, e.getMessage());
            return e.getMessage();
        } catch (IOException e) {
            return e.getMessage(); // it may have begun nevertheless
        }
    }

    private void takeBack(List<SubHostShare> shares) {
        try {
            lending.note(record -> record.refused(shares));
        } catch (IOException e) {
            log.error("what was not given counts as given: {}", e.getMessage());
        }
    }

    /** Asked only if something has to be taken. */
    private List<Takers.Taker> takers(VmInfo vm) {
        if (RoomWithout.missingBytes(vm, lending.self()) <= 0) {
            return List.of();
        }
        LendingRecord record = lending.record();
        List<Takers.Taker> takers = new ArrayList<>();
        for (SubHostShare one : record.to()) {
            takers.add(taker(one, record.shareLeft(one)));
        }
        return takers;
    }

    private Takers.Taker taker(SubHostShare one, long shareLeft) {
        try {
            long room = hosts.roomOf(one.host());
            boolean isShareLess = shareLeft < room - RoomWithout.SLACK_BYTES;
            return isShareLess
                    ? new Takers.Taker(
                            one.host(),
                            shareLeft + RoomWithout.SLACK_BYTES,
                            Takers.text(shareLeft) + " of its share are left")
                    : new Takers.Taker(one.host(), room, "it could lend " + Takers.text(room));
        } catch (IOException e) {
            return new Takers.Taker(one.host(), 0, String.valueOf(e.getMessage()));
        }
    }

    /** What has not left of a VM stays, and it may send out pages to this host again. */
    void stay(UUID uuid, VmInfo vm, String mainHost, long nowNs) {
        if (vm.state() == VmState.LOCAL) {
            settle(List.of(uuid));
            return;
        }
        if (!pauses.isOver(uuid, nowNs)) {
            return;
        }
        try {
            hosts.keepPages(mainHost, uuid, lending.self());
            log.info("vm={} {} moves its pages away from here no more", uuid, mainHost);
            settle(List.of(uuid));
        } catch (IOException e) {
            if (e instanceof PeerRefusalException peer && NOT_MOVING.stream().anyMatch(peer.refusal()::is)) {
                settle(List.of(uuid));
                return;
            }
            pauses.failed(uuid, nowNs);
            log.warn("vm={} its pages may go on leaving: {}", uuid, e.getMessage());
        }
    }

    /** Of these VMs nothing has to be taken back any more. */
    void settle(List<UUID> vms) {
        if (vms.isEmpty()) {
            return;
        }
        try {
            lending.note(record -> record.settled(vms));
        } catch (IOException e) {
            log.warn("VMs {} are looked after once more: {}", vms, e.getMessage());
        }
    }
}
