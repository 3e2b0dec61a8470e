package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;

/**
 * An incoming VM whose source daemon died between the stop of the vCPUs and the last dirty set: waits until that daemon is
 * back and says what became of QEMU there. If it has ended, nobody knows what was written since the last scan, so every
 * page of a chunk that is still sealed counts as dirty and comes from the source, whose files have them all. Whether the
 * guest runs here at all is the hypervisor's business.
 */
final class Orphan implements Runnable {
    private static final Logger log = LoggerFactory.getLogger(Orphan.class);
    private static final long ASK_NS = 500_000_000L;

    private final Vm vm;
    private final VmRecord.Lender source;
    private final PeerHosts peers;
    private final IncomingStreams streams;
    private final NativeBlock argument;

    Orphan(Vm vm, VmRecord.Lender source, PeerHosts peers, IncomingStreams streams, NativeBlock argument) {
        this.vm = vm;
        this.source = source;
        this.peers = peers;
        this.streams = streams;
        this.argument = argument;
    }

    @Override
    public void run() {
        Paging paging = vm.paging();
        ChunkSeal seal = paging == null ? null : paging.seal();
        if (paging == null || seal == null || seal.allOpen()) {
            return;
        }
        log.warn("vm={} its source {} is away before the last dirty set; the guest waits", vm.uuid(), source.host());
        while (!vm.isQemuGone() && vm.paging() == paging) {
            if (hasLeft()) {
                fetchAll(paging, seal);
                return;
            }
            LockSupport.parkNanos(ASK_NS);
        }
    }

    /** Whether the VM is handed over. */
    boolean hasLeft() {
        try {
            return peers.fate(peers.find(source.host()), vm.uuid(), source.token()) == PeerHosts.Fate.LEFT;
        } catch (IOException e) {
            log.debug("vm={} {} cannot be asked: {}", vm.uuid(), source.host(), e.getMessage());
            return false;
        }
    }

    private void fetchAll(Paging paging, ChunkSeal seal) {
        streams.end(); // what is still under way on them may be older than what the source has
        PageTable table = paging.table();
        long pages = 0;
        for (int chunk = 0; chunk < ChunkSeal.chunksOf(table.pages()); chunk++) {
            long first = ChunkSeal.firstPage(chunk);
            if (!seal.isSealed(first)) {
                continue;
            }
            long length = ChunkSeal.length(chunk, table.pages());
            for (long page = first; page < first + length; page++) {
                IncomingMigration.markAtSource(paging, table, page);
            }
            pages += length;
            if (seal.open(chunk)) {
                paging.qemu().wake(argument, first, length);
            }
        }
        log.warn("vm={} {} pages count as dirty and are fetched from {}", vm.uuid(), pages, source.host());
    }
}
