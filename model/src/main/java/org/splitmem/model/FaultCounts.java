package org.splitmem.model;

/**
 * What a VM's paging has done since its memory was attached, in pages of 4096 bytes.
 *
 * @param pageIns pages fetched, whether the guest touched them or they were read ahead or pulled back
 * @param pageOuts pages moved to a sub-host to stay within the budget
 * @param zeroFills first touches of pages that are nowhere
 * @param minor touches of resident pages that were not mapped
 * @param readAheadPages pages fetched with a neighbour, before they were touched
 * @param refaults pages that the guest touched after page-out had taken them for cold
 */
public record FaultCounts(long pageIns, long pageOuts, long zeroFills, long minor, long readAheadPages, long refaults) {
    public static final FaultCounts NONE = new FaultCounts(0, 0, 0, 0, 0, 0);

    public FaultCounts {
        Require.notNegative("pageIns", pageIns);
        Require.notNegative("pageOuts", pageOuts);
        Require.notNegative("zeroFills", zeroFills);
        Require.notNegative("minor", minor);
        Require.notNegative("readAheadPages", readAheadPages);
        Require.notNegative("refaults", refaults);
    }
}
