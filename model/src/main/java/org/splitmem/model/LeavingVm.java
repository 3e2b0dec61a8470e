package org.splitmem.model;

import org.jspecify.annotations.Nullable;

/**
 * A VM of another host whose pages are to leave a lending host.
 *
 * @param vm its uuid
 * @param name absent while its main host has not said it
 * @param mainHost which moves its pages, as far as this is known; absent if what is kept is damaged
 * @param reservedBytes that it has reserved on the lending host
 * @param heldBytes of pages that are still there
 * @param moving whether its main host moves them
 * @param trouble why they do not, or not all, move at present; absent if all is well
 */
public record LeavingVm(
        String vm,
        @Nullable String name,
        @Nullable String mainHost,
        long reservedBytes,
        long heldBytes,
        boolean moving,
        @Nullable String trouble) {
    public LeavingVm {
        Require.text("vm", vm);
        Require.notNegative("reservedBytes", reservedBytes);
        Require.notNegative("heldBytes", heldBytes);
    }
}
