package org.splitmem.memory.migration;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.vm.VmRecord;

/**
 * Memory of other hosts that this host no longer needs, until they have said that it is free: a host that is away is told when
 * it is back, also by the next daemon. Any thread.
 */
public final class PendingReleases {
    private static final Logger log = LoggerFactory.getLogger(PendingReleases.class);
    private static final long RETRY_NS = 5_000_000_000L;

    /** What is kept there. */
    public enum Kept {
        /** Pages that a memory server keeps. */
        STORE,
        /** All RAM of a VM that has migrated here. */
        SOURCE
    }

    /** Under its token. */
    public record Release(
            @JsonProperty(required = true) Kept kept,
            @JsonProperty(required = true) String host,
            @JsonProperty(required = true) UUID vm,
            @JsonProperty(required = true) String token) {}

    private final Path file;
    private final PeerHosts peers;
    private final Set<Release> pending = new LinkedHashSet<>(); // guarded by this
    private long notBeforeNs = System.nanoTime(); // guarded by this

    /** Reads what an earlier daemon left undone. */
    public PendingReleases(Path file, PeerHosts peers) throws IOException {
        this.file = file;
        this.peers = peers;
        if (Files.exists(file)) {
            pending.addAll(List.of(RecordFile.load(file, Release[].class)));
        }
    }

    synchronized void add(Release release) {
        if (pending.add(release)) {
            notBeforeNs = System.nanoTime();
            save();
        }
    }

    /** All that memory servers lent to a VM. */
    void addStores(UUID vm, List<VmRecord.Lender> lenders) {
        for (VmRecord.Lender lender : lenders) {
            add(new Release(Kept.STORE, lender.host(), vm, lender.token()));
        }
    }

    /** Whether a host may still be told to free what was lent under one of these tokens. */
    synchronized boolean isAnyPending(UUID vm, List<VmRecord.Lender> lenders) {
        return lenders.stream()
                .anyMatch(lender -> pending.contains(new Release(Kept.STORE, lender.host(), vm, lender.token())));
    }

    /** Tells the hosts that keep something of one VM, at once. */
    void attempt(UUID vm) {
        List<Release> todo;
        synchronized (this) {
            todo = pending.stream().filter(release -> release.vm().equals(vm)).toList();
        }
        todo.forEach(this::attempt);
    }

    /** Tells the hosts, now and then, until all know. */
    void attempt(long nowNs) {
        List<Release> todo;
        synchronized (this) {
            if (pending.isEmpty() || nowNs - notBeforeNs < 0) {
                return;
            }
            todo = List.copyOf(pending);
            notBeforeNs = nowNs + RETRY_NS;
        }
        todo.forEach(this::attempt);
    }

    private void attempt(Release release) {
        try {
            tell(release);
            synchronized (this) {
                pending.remove(release);
                save();
            }
        } catch (IOException e) {
            log.warn("vm={} {} keeps its pages until it can be told: {}", release.vm(), release.host(), e.getMessage());
        }
    }

    private void tell(Release release) throws IOException {
        PeerHosts.Peer peer = peers.find(release.host());
        switch (release.kept()) {
            case STORE -> peers.release(peer, release.vm(), release.token());
            case SOURCE -> peers.arrived(peer, release.vm(), release.token());
        }
    }

    private void save() {
        try {
            RecordFile.save(file, List.copyOf(pending));
        } catch (IOException e) {
            log.error("{} cannot be written: {}", file, e.getMessage());
        }
    }
}
