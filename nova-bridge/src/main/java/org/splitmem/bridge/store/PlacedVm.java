package org.splitmem.bridge.store;

import java.util.Map;

/**
 * A VM that was placed, and what was booked for it then.
 *
 * @param updatedMs when that was
 */
public record PlacedVm(Vm vm, Map<String, Long> booking, long updatedMs) {
    public PlacedVm {
        booking = Map.copyOf(booking);
    }
}
