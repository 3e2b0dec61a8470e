package org.splitmem.memory.migration;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.thread.Pauses;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.RefusalCode;

/**
 * Memory of other hosts that this host no longer needs, until they have said that it is free: a host that is away is told when
 * it is back, also by the next daemon, and keeps no other one from being told. Any thread.
 */
public final class PendingReleases {
    private static final Logger log = LoggerFactory.getLogger(PendingReleases.class);
    private static final String LOST =
            "Other hosts may keep memory of VMs that have ended, were gathered or have migrated here: see"
                    + " \"A store that nobody releases\" in OPERATIONS.md";

    /** What is kept there. */
    public enum Kept {
        /** Pages that a memory server keeps. */
        STORE,
        /** All RAM of a VM that has migrated here. */
        SOURCE,
        /** As STORE, and the source of the VM's migration would need it if it came back there: that one has to say first that it cannot. */
        SHARED_STORE
    }

    /** Told when a migration's source has confirmed that it keeps nothing any more, and will not run the VM. */
    interface SourceListener {
        /** @throws IOException if nothing could be done about it: the source is asked again */
        void released(Release told) throws IOException;
    }

    /** Under its token. */
    public record Release(
            @JsonProperty(required = true) Kept kept,
            @JsonProperty(required = true) String host,
            @JsonProperty(required = true) UUID vm,
            @JsonProperty(required = true) String token) {
        public Release {
            Objects.requireNonNull(kept, "what is kept is missing");
            Objects.requireNonNull(host, "the host is missing");
            Objects.requireNonNull(vm, "the uuid is missing");
            Objects.requireNonNull(token, "the token is missing");
        }
    }

    private final Path file;
    private final PeerHosts peers;
    private final HostThreads threads;
    private volatile SourceListener listener = told -> {};
    private final Set<Release> pending = new LinkedHashSet<>(); // guarded by this
    private final Pauses<String> pauses = new Pauses<>(); // by host

    /** Reads what an earlier daemon left undone. Without it no page is lost: other hosts keep memory for nothing. */
    public PendingReleases(Path file, PeerHosts peers) throws IOException {
        this(file, peers, new HostThreads("releases"));
    }

    PendingReleases(Path file, PeerHosts peers, HostThreads threads) throws IOException {
        this.file = file;
        this.peers = peers;
        this.threads = threads;
        pending.addAll(RecordFile.loadList(file, Release[].class, LOST));
    }

    synchronized void add(Release release) {
        if (pending.add(release)) {
            pauses.endIfAnswered(release.host()); // what it refused was another release
            save();
        }
    }

    /** To be set before anything is attempted. */
    void tellSources(SourceListener told) {
        listener = told;
    }

    /** All that memory servers lent to a VM. */
    void addStores(UUID vm, List<VmRecord.Lender> lenders) {
        addStores(Kept.STORE, vm, lenders);
    }

    /** @param how STORE or SHARED_STORE */
    void addStores(Kept how, UUID vm, List<VmRecord.Lender> lenders) {
        for (VmRecord.Lender lender : lenders) {
            add(new Release(how, lender.host(), vm, lender.token()));
        }
    }

    private synchronized boolean waitsForSource(Release release) {
        return release.kept() == Kept.SHARED_STORE
                && pending.stream()
                        .anyMatch(other ->
                                other.kept() == Kept.SOURCE && other.vm().equals(release.vm()));
    }

    /** A host will never run a VM again that has migrated from it, this one or any: it need not say so itself. */
    void sourceFenced(String host, @Nullable UUID vm) {
        List<Release> silent;
        synchronized (this) {
            silent = pending.stream()
                    .filter(release -> release.kept() == Kept.SOURCE
                            && release.host().equals(host)
                            && (vm == null || vm.equals(release.vm())))
                    .toList();
        }
        for (Release release : silent) {
            try {
                listener.released(release);
                synchronized (this) {
                    pending.remove(release);
                    save();
                }
            } catch (IOException e) {
                log.error("vm={} its sub-hosts are still shared with {}: {}", release.vm(), host, e.getMessage());
            }
        }
    }

    /** The source has the VM: what was shared with it is its own. */
    private synchronized void forgetShared(UUID vm) {
        pending.removeIf(release -> release.vm().equals(vm) && release.kept() == Kept.SHARED_STORE);
    }

    /** Whether a host may still be told to free what was lent under one of these tokens. */
    synchronized boolean isAnyPending(UUID vm, List<VmRecord.Lender> lenders) {
        return lenders.stream()
                .anyMatch(lender -> pending.contains(new Release(Kept.STORE, lender.host(), vm, lender.token()))
                        || pending.contains(new Release(Kept.SHARED_STORE, lender.host(), vm, lender.token())));
    }

    /** Tells the hosts that keep something of one VM, and waits until they have answered. */
    void attempt(UUID vm) {
        List<Release> todo;
        synchronized (this) {
            todo = pending.stream().filter(release -> release.vm().equals(vm)).toList();
        }
        for (Release release : todo) {
            attempt(release);
        }
    }

    /** Has the hosts told, now and then, until all know. Waits for none. */
    void attempt(long nowNs) {
        for (String host : hostsToTell(nowNs)) {
            threads.begin(host, () -> tellAll(host, nowNs));
        }
    }

    private synchronized Set<String> hostsToTell(long nowNs) {
        Set<String> hosts = new LinkedHashSet<>();
        for (Release release : pending) {
            if (pauses.isOver(release.host(), nowNs)) {
                hosts.add(release.host());
            }
        }
        return hosts;
    }

    private synchronized List<Release> pendingAt(String host) {
        return pending.stream().filter(release -> release.host().equals(host)).toList();
    }

    private void tellAll(String host, long nowNs) {
        long beganNs = System.nanoTime();
        Outcome worst = Outcome.DONE;
        for (Release release : pendingAt(host)) {
            Outcome outcome = attempt(release);
            worst = outcome == Outcome.DONE ? worst : outcome;
            if (worst == Outcome.UNANSWERED) {
                break;
            }
        }
        pause(host, worst, nowNs + System.nanoTime() - beganNs);
    }

    private void pause(String host, Outcome worst, long nowNs) {
        switch (worst) {
            case DONE -> pauses.end(host);
            case REFUSED -> pauses.answered(host, nowNs);
            case UNANSWERED -> pauses.failed(host, nowNs);
        }
    }

    private enum Outcome {
        DONE,
        REFUSED,
        UNANSWERED
    }

    private Outcome attempt(Release release) {
        if (waitsForSource(release)) {
            return Outcome.DONE;
        }
        try {
            tell(release);
            synchronized (this) {
                pending.remove(release);
                save();
            }
            return Outcome.DONE;
        } catch (IOException e) {
            log.warn("vm={} {} keeps its pages until it can be told: {}", release.vm(), release.host(), e.getMessage());
            return e instanceof UnreachableException ? Outcome.UNANSWERED : Outcome.REFUSED;
        }
    }

    private void tell(Release release) throws IOException {
        PeerHosts.Peer peer = peers.find(release.host());
        switch (release.kept()) {
            case STORE, SHARED_STORE -> peers.release(peer, release.vm(), release.token());
            case SOURCE -> tellSource(peer, release);
        }
    }

    private void tellSource(PeerHosts.Peer source, Release release) throws IOException {
        try {
            peers.arrived(source, release.vm(), release.token());
        } catch (PeerRefusalException e) {
            if (!e.refusal().is(RefusalCode.VM_HERE)) {
                throw e;
            }
            log.warn("vm={} what its migration left here is worth nothing: {}", release.vm(), e.getMessage());
            forgetShared(release.vm());
            return;
        }
        listener.released(release);
    }

    private void save() {
        try {
            RecordFile.save(file, List.copyOf(pending));
        } catch (IOException e) {
            log.error("{} cannot be written: {}", file, e.getMessage());
        }
    }
}
