package org.splitmem.memory.drain;

import org.jspecify.annotations.Nullable;

/**
 * What was found out last of a VM whose pages are to leave.
 *
 * @param mainHost that was asked
 * @param name absent while it is not known
 * @param moving whether its pages are being moved
 * @param trouble why not, or not all; absent if all is well
 */
record Status(
        String mainHost,
        @Nullable String name,
        boolean moving,
        @Nullable String trouble) {}
