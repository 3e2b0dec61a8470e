package org.splitmem.memory.migration;

import static org.splitmem.memory.page.PageState.AT_SOURCE;
import static org.splitmem.memory.page.PageState.INCOMING;
import static org.splitmem.memory.page.PageState.LOCAL;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.gather.ReadAhead;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.stream.BulkReceiver;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.wire.RunList;

/**
 * Where a stream's pages go on the destination. In a sealed chunk: straight into RAM, nobody looks yet. In an open one only
 * a page that is AT_SOURCE is taken, by a step of its entry that nobody else can win; any other is there already, maybe
 * newer, and what arrives is ignored. Confined to the stream's thread.
 */
final class IncomingPages implements BulkReceiver.Target {
    private static final int CLAIMED = PageEntry.of(INCOMING) | PageEntry.FROM_SOURCE;

    private final Vm vm;
    private final GuestMemory memory;
    private final PageTable table;
    private final @Nullable ReadAhead ahead;
    private final NativeBlock argument = QemuMemory.newArgument();

    /** @param ahead what reads the VM ahead meanwhile; null: nothing does */
    IncomingPages(Vm vm, GuestMemory memory, PageTable table, @Nullable ReadAhead ahead) {
        this.ahead = ahead;
        this.vm = vm;
        this.memory = memory;
        this.table = table;
    }

    @Override
    public long pages() {
        return memory.pages();
    }

    @Override
    public void take(long address, long page, long count) throws IOException {
        Paging paging = vm.paging();
        if (isHidden(paging, page, count) || paging == null) {
            beat(page, count);
            memory.write(address, page, count);
            return;
        }
        for (long p = page; p < page + count; p++) {
            if (table.step(p, PageEntry.of(AT_SOURCE), CLAIMED)) {
                vm.reached(FaultPoint.PUSH_CLAIMED);
                takeClaimed(paging, address + Pages.toBytes(p - page), p);
            }
        }
    }

    /**
     * Whether nobody looks at these pages yet.
     *
     * @param paging the VM's, read before
     * @throws IOException if the VM has no paging any more: a frame came late, and the guest's pages are newer
     */
    private boolean isHidden(@Nullable Paging paging, long page, long count) throws IOException {
        if (paging == null) { // QEMU has not attached, or this daemon ends, or the VM is whole
            if (vm.isStopped() || vm.record().phase() != VmRecord.Phase.INCOMING) {
                throw new IOException("VM " + vm.uuid() + " takes no pages from its source any more");
            }
            return true;
        }
        ChunkSeal seal = paging.seal();
        return seal != null && seal.isSealed(page) && seal.isSealed(page + count - 1);
    }

    /** What a memory server has of these pages is older. */
    private void beat(long page, long count) throws IOException {
        if (ahead != null) {
            ahead.beaten(page, count);
        }
    }

    private void takeClaimed(Paging paging, long address, long page) throws IOException {
        boolean written = false;
        long ticket = paging.arrivals().gate().enter();
        try {
            memory.write(address, page, 1);
            written = true;
            table.step(page, CLAIMED, PageEntry.of(LOCAL));
            paging.arrivals().map(argument, page, 1);
        } finally {
            paging.arrivals().gate().leave(ticket);
            if (!written) { // who waits for it asks again
                table.step(page, CLAIMED, PageEntry.of(AT_SOURCE));
                paging.qemu().wake(argument, page, 1);
            }
        }
    }

    @Override
    public void drop(RunList runs) throws IOException {
        Paging paging = vm.paging();
        for (int run = 0; run < runs.runs(); run++) {
            if (isHidden(paging, runs.first(run), runs.count(run))) {
                beat(runs.first(run), runs.count(run));
                memory.punch(runs.first(run), runs.count(run));
            }
        }
    }
}
