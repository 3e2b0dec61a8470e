package org.splitmem.memory.vm;

import org.splitmem.memory.fault.Pager;

/**
 * How VMs are paged.
 *
 * @param pager zero-fill and read-ahead
 * @param samplePagesPerSecond the most pages a VM's clock hand passes in a second while it is within its budget
 * @param pressurePagesPerSecond the same while it is over its budget
 * @param coldAge visits of the hand without a touch before a page may go out
 */
public record PagingConfig(Pager.Tuning pager, long samplePagesPerSecond, long pressurePagesPerSecond, int coldAge) {
    public PagingConfig {
        if (samplePagesPerSecond < 0 || pressurePagesPerSecond < 1) {
            throw new IllegalArgumentException("sampling rates must not be negative");
        }
        if (coldAge < 1 || coldAge > 7) {
            throw new IllegalArgumentException("working-set.cold-age must be 1 to 7: " + coldAge);
        }
    }

    /** For a migration's source: each touch counts, and leaves the page's score alone. */
    PagingConfig watching() {
        Pager.Tuning each = new Pager.Tuning(pager.zeroFillPages(), 0, 1, 0);
        return new PagingConfig(each, samplePagesPerSecond, pressurePagesPerSecond, coldAge);
    }
}
