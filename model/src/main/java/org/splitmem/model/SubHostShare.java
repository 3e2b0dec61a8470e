package org.splitmem.model;

import org.jspecify.annotations.Nullable;

/**
 * A sub-host of a plan and how much it keeps.
 *
 * @param host name of the host, as its peers know it
 * @param bytes how much it is to keep at most; absent: an even part of what is over the budget
 */
public record SubHostShare(String host, @Nullable Long bytes) {
    public SubHostShare {
        Require.text("host", host);
        if (bytes != null) {
            Require.size("bytes", bytes);
        }
    }
}
