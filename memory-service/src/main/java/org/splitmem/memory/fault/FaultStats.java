package org.splitmem.memory.fault;

import java.util.concurrent.atomic.LongAdder;

/** Counts of what the pager did for one VM, and how long the guest waited for page-ins. Any thread. */
public final class FaultStats {
    public final LongAdder pageIns = new LongAdder();
    public final LongAdder pageOuts = new LongAdder();
    public final LongAdder pageOutsCancelled = new LongAdder();
    public final LongAdder zeroFills = new LongAdder();
    public final LongAdder minor = new LongAdder();
    public final LongAdder readAheadPages = new LongAdder();
    /** Faults on pages that page-out had sent away. */
    public final LongAdder refaults = new LongAdder();
    /** Pages that the guest gave back, wherever they were. */
    public final LongAdder givenBack = new LongAdder();
    /** Those of them that a memory server had. */
    public final LongAdder givenBackRemote = new LongAdder();
    /** Times that a page was damaged on its way here, or to a memory server, and was sent again. */
    public final LongAdder damaged = new LongAdder();
    /** Pages that are lost: the guest waits on them for ever. */
    public final LongAdder lost = new LongAdder();

    private final PageInLatency pageInLatency = new PageInLatency(System.nanoTime());

    /** Of the guest's faults that a memory server answered. */
    public PageInLatency pageInLatency() {
        return pageInLatency;
    }
}
