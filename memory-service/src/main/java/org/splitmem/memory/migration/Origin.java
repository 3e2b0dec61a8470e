package org.splitmem.memory.migration;

import org.jspecify.annotations.Nullable;

/**
 * By what a migration is known to those who asked for it.
 *
 * @param novaMigration uuid of Nova's own record of it; absent if it was not given
 * @param requestId of the request that began it; absent if that had none
 */
record Origin(@Nullable String novaMigration, @Nullable String requestId) {
    static final Origin UNKNOWN = new Origin(null, null);
}
