package org.splitmem.cli;

import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;

/** What a host lends, and what is to leave it, in words. Pure functions. */
final class LendingText {
    private LendingText() {}

    static String of(LendingInfo info) {
        return switch (info.state()) {
            case EMPTY ->
                info.host() + " is empty, and lends nothing new until \"splitmem drain " + info.host() + " --cancel\"";
            case DRAINING -> info.host() + " is being drained: " + left(info);
            case SHRINKING -> limit(info) + "; " + left(info);
            case LENDING -> limit(info);
        };
    }

    private static String limit(LendingInfo info) {
        return info.host() + " lends at most " + Text.size(info.limitBytes())
                + (info.setBytes() == null
                        ? ", as configured"
                        : ", as \"splitmem lend\" has set (configured: " + Text.size(info.configuredBytes()) + ")")
                + "; " + Text.size(info.lentBytes()) + " are reserved, " + Text.size(info.heldBytes())
                + " of it hold pages";
    }

    /** {@code 1.2 GiB of 3 VMs to go, 850 MiB/s, 0:02 left}. */
    private static String left(LendingInfo info) {
        int vms = info.leaving().size();
        return Progress.numbers(
                info.leavingBytes(),
                "of " + vms + (vms == 1 ? " VM" : " VMs") + " to go",
                info.rateBytesPerSecond(),
                info.etaSeconds(),
                null);
    }

    /** A row for each VM that is to leave; empty if there is none. */
    static Table leaving(LendingInfo info) {
        var table = new Table("no VM is to leave", "VM", "MAIN HOST", ">RESERVED", ">LEFT", "STATE", "TROUBLE");
        for (LeavingVm vm : info.leaving()) {
            table.row(
                    nameOf(vm),
                    vm.mainHost() == null ? "-" : vm.mainHost(),
                    Text.size(vm.reservedBytes()),
                    Text.size(vm.heldBytes()),
                    vm.moving() ? "moving" : "waiting",
                    vm.trouble() == null ? "-" : vm.trouble());
        }
        return table;
    }

    private static String nameOf(LeavingVm vm) {
        return vm.name() == null ? vm.vm() : vm.name();
    }

    /** Nothing is to leave any more. */
    static boolean isOver(LendingInfo info) {
        return info.state() == LendingState.EMPTY || info.state() == LendingState.LENDING;
    }

    static boolean isDrained(LendingInfo info) {
        return info.state() == LendingState.EMPTY || info.state() == LendingState.DRAINING;
    }
}
