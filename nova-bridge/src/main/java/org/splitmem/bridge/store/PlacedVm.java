package org.splitmem.bridge.store;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A VM that was placed, and what is to be booked for it: as it was placed, or as it was seen running since.
 *
 * @param updatedMs when it was placed, or came by a migration
 * @param startAwaited whether it was placed to be started, and has not been seen to run as it was placed: until then what its host says of it may be of
 *     its former life. False of one that has come by a migration: its host tells the truth at once
 * @param extraSpecs of its flavor, and the traits that its image requires, as Nova said them; empty if that is not known
 */
public record PlacedVm(
        Vm vm, Map<String, Long> booking, long updatedMs, boolean startAwaited, Map<String, String> extraSpecs) {
    public PlacedVm {
        booking = Map.copyOf(booking);
        extraSpecs = Map.copyOf(extraSpecs);
    }

    /** One that is about to be started. */
    public static PlacedVm starting(Vm vm, Map<String, Long> booking, long nowMs) {
        return new PlacedVm(vm, booking, nowMs, true, Map.of());
    }

    /** One that runs where it is: it has just come there, or nobody has placed it. */
    public static PlacedVm running(Vm vm, Map<String, Long> booking, long nowMs) {
        return new PlacedVm(vm, booking, nowMs, false, Map.of());
    }

    public PlacedVm with(Map<String, String> specs) {
        return new PlacedVm(vm, booking, updatedMs, startAwaited, specs);
    }

    /** The same, seen running as it was placed. */
    public PlacedVm started() {
        return new PlacedVm(vm, booking, updatedMs, false, extraSpecs);
    }

    /** Whether nobody has placed the VM between two readings. */
    public static boolean isSameStart(@Nullable PlacedVm a, @Nullable PlacedVm b) {
        if (a == null || b == null) {
            return a == null && b == null;
        }
        return a.vm().equals(b.vm()) && a.updatedMs() == b.updatedMs();
    }
}
