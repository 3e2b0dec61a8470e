package org.splitmem.bridge.store;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A VM that was placed, and what is to be booked for it: as it was placed, or as it was seen running since.
 *
 * @param updatedMs when it was placed
 */
public record PlacedVm(Vm vm, Map<String, Long> booking, long updatedMs) {
    public PlacedVm {
        booking = Map.copyOf(booking);
    }

    /** Whether nobody has placed the VM between two readings. */
    public static boolean isSameStart(@Nullable PlacedVm a, @Nullable PlacedVm b) {
        if (a == null || b == null) {
            return a == null && b == null;
        }
        return a.vm().equals(b.vm()) && a.updatedMs() == b.updatedMs();
    }
}
