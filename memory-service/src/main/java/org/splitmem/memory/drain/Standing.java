package org.splitmem.memory.drain;

import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.VmInfo;

/**
 * How a VM stands whose pages are to leave a host.
 *
 * @param kind what can be done
 * @param trouble why nothing, or not all, moves; absent if all is well
 */
record Standing(Kind kind, @Nullable String trouble) {
    enum Kind {
        /** Its main host may be asked to move its pages. */
        MAY_BE_ASKED,
        /** Its main host does it. */
        MOVING,
        /** Nothing can be done now. */
        HAS_TO_WAIT
    }

    /**
     * By what its main host says.
     *
     * @param from the host that is to be emptied
     */
    static Standing of(VmInfo vm, String mainHost, String from) {
        String name = "VM " + vm.name();
        return switch (vm.state()) {
            case SPLIT -> ofSplit(vm, mainHost, from);
            case LOCAL ->
                waits(name + " is whole on " + mainHost
                        + ": what is here is given back, or its migration has not come here yet");
            case INCOMING, OUTGOING -> waits(name + " is migrating");
            case GONE -> waits("QEMU of " + name + " is not connected to splitmemd of " + mainHost);
            case EXPECTED ->
                waits(name + " has not started on " + mainHost + " yet; until it does, \"splitmem forget " + vm.name()
                        + "\" there gives back what it has reserved");
            case DEFINED, FROZEN ->
                waits(name + " is " + vm.state().name().toLowerCase(Locale.ROOT) + " on " + mainHost);
        };
    }

    private static Standing ofSplit(VmInfo vm, String mainHost, String from) {
        Optional<MoveInfo> move =
                vm.moves().stream().filter(one -> one.from().equals(from)).findFirst();
        if (move.isPresent()) {
            return new Standing(Kind.MOVING, move.get().trouble());
        }
        GatherInfo gather = vm.gather();
        if (gather != null || vm.budgetBytes() >= vm.ramBytes()) { // the latter also while that rests
            return new Standing(Kind.MOVING, gather == null ? null : gather.trouble());
        }
        if (!vm.remoteBytes().containsKey(from)) {
            return waits(mainHost + " says that VM " + vm.name() + " keeps nothing here; if it goes on saying so, see"
                    + " \"A store that nobody releases\" in OPERATIONS.md");
        }
        return new Standing(Kind.MAY_BE_ASKED, null);
    }

    private static Standing waits(String why) {
        return new Standing(Kind.HAS_TO_WAIT, why);
    }
}
