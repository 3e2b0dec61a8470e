package org.splitmem.bridge.registry;

import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.store.StoreException;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;

/**
 * Has each host's splitmemd know the others. Keeps no account of who was told what: a host is asked whenever it registers, which
 * it does every minute. Any thread.
 */
public final class PeerTeller {
    private static final Logger log = LoggerFactory.getLogger(PeerTeller.class);

    private final HostRegistry registry;
    private final Daemons daemons;
    /** Of one host in a row: it registers again within a minute. */
    private static final int MOST_TELLINGS = 5;

    private final Set<String> tooOld = ConcurrentHashMap.newKeySet();
    private boolean waiting; // guarded by this: a round that has not begun, and will tell of what is registered by then
    private CompletableFuture<Void> rounds = CompletableFuture.completedFuture(null); // guarded by this

    public PeerTeller(HostRegistry registry, Daemons daemons) {
        this.registry = registry;
        this.daemons = daemons;
    }

    /**
     * After a registration. Waits for no host, and what fails is in the log.
     *
     * @param changed whether the others have to learn of it
     * @return done when all have been told that can be
     */
    public CompletableFuture<Void> registered(String name, boolean changed) {
        return changed ? tellAll() : CompletableFuture.runAsync(() -> mend(name), daemons.background());
    }

    /** If it knows other hosts than there are. */
    private void mend(String name) {
        try {
            PeerList peers = registry.peers();
            if (!daemons.peers(name).equals(peers)) {
                tellNewest(name, peers);
            }
            tooOld.remove(name);
        } catch (ServiceException e) {
            failed(name, e);
        } catch (StoreException e) {
            log.warn("host={} is not asked which peers it knows: {}", name, e.getMessage());
        }
    }

    /** Tells a host again as long as the list has changed meanwhile: another bridge may have told it a newer one, which this bridge has overwritten. */
    private void tellNewest(String name, PeerList first) throws ServiceException {
        PeerList told = null;
        PeerList peers = first;
        for (int i = 0; i < MOST_TELLINGS && !peers.equals(told); i++) {
            daemons.tellPeers(name, peers);
            told = peers;
            peers = registry.peers();
        }
    }

    /** One round at a time, however many hosts register at once. */
    private synchronized CompletableFuture<Void> tellAll() {
        if (!waiting) {
            waiting = true;
            rounds = rounds.thenApplyAsync(before -> begin(), daemons.background())
                    .thenCompose(this::tellAll)
                    .exceptionally(e -> {
                        log.warn("the hosts are told of their new peers when they register next: {}", e.getMessage());
                        return null;
                    });
        }
        return rounds;
    }

    private PeerList begin() {
        synchronized (this) {
            waiting = false;
        }
        return registry.peers();
    }

    private CompletableFuture<Void> tellAll(PeerList peers) {
        List<CompletableFuture<Void>> told = peers.peers().stream()
                .map(PeerAddress::name)
                .map(name -> CompletableFuture.runAsync(() -> tell(name, peers), daemons.background()))
                .toList();
        return CompletableFuture.allOf(told.toArray(CompletableFuture[]::new));
    }

    private void tell(String name, PeerList peers) {
        try {
            tellNewest(name, peers);
            tooOld.remove(name);
        } catch (ServiceException e) {
            failed(name, e);
        } catch (StoreException e) {
            log.warn("host={} may know former peers until it registers next: {}", name, e.getMessage());
        }
    }

    private void failed(String name, ServiceException e) {
        if (e.kind() != ServiceException.Kind.NOT_FOUND) {
            log.warn("host={} is told of its peers when it registers next: {}", name, e.text());
        } else if (tooOld.add(name)) {
            log.warn("host={} cannot be told of its peers, its splitmemd may be too old: {}", name, e.text());
        }
    }
}
