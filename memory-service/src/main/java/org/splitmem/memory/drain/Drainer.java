package org.splitmem.memory.drain;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.migration.UnreachableException;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.server.MemoryServer.Kept;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.thread.Pauses;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * Has pages leave this host that are to: asks the main host of each VM, which alone moves them, and asks again until the VM has given back what
 * it had reserved here. Keeps nothing but what was found out last: what should be says {@link Lending}, what is say the main hosts.
 *
 * <p>Each main host is asked on a thread of its own: one that does not answer holds up no other's VMs.
 */
public final class Drainer {
    private static final Logger log = LoggerFactory.getLogger(Drainer.class);
    /** No host's name. */
    private static final String SEARCH = " looking for VMs";

    private final Lending lending;
    private final MainHosts hosts;
    private final HostThreads threads;
    private final Asking asking;
    private final Pauses<String> pauses = new Pauses<>();
    private final Pauses<UUID> searches = new Pauses<>();
    private final Map<UUID, Status> found = new ConcurrentHashMap<>();
    /** VMs that are not where their reservations say. */
    private final Map<UUID, String> elsewhere = new ConcurrentHashMap<>();

    private final Departure departure = new Departure();
    private LendingRecord seen; // by the sweeping thread

    /** @param operations of this host, of which it is to be one while anything leaves */
    public Drainer(Lending lending, MainHosts hosts, HostThreads threads, Operations operations) {
        this.lending = lending;
        this.hosts = hosts;
        this.threads = threads;
        this.asking = new Asking(lending, hosts);
        this.seen = lending.record();
        operations.follow(new DrainOperation(lending, this::view, operations));
    }

    /** What this host lends. */
    public Lending lending() {
        return lending;
    }

    /** What it lends, and how far it is with what it is to lend no more. */
    public LendingInfo view() {
        return LendingView.of(lending, found, departure);
    }

    /** To be called now and then, by one thread. Waits for no host. */
    public void sweep(long nowNs) {
        List<Kept> kept = lending.server().kept();
        LendingRecord record = lending.record();
        Set<UUID> leaving = Leaving.of(record, kept);
        departure.turn(kept, leaving, nowNs);
        forgetAllBut(kept);
        if (!record.isSameWish(seen)) {
            pauses.end();
            searches.end();
            asking.endPauses();
        }
        seen = record;
        Map<String, List<StoreRecord>> byHost = new HashMap<>();
        for (Kept one : kept) {
            StoreRecord store = one.store();
            if (leaving.contains(store.vm()) || record.asked().contains(store.vm())) {
                String host = elsewhere.getOrDefault(store.vm(), store.mainHost());
                byHost.computeIfAbsent(host, h -> new ArrayList<>()).add(store);
            }
        }
        byHost.forEach((host, stores) -> {
            if (pauses.isOver(host, nowNs)) {
                threads.begin(host, () -> visit(host, stores, nowNs - System.nanoTime()));
            }
        });
    }

    private void forgetAllBut(List<Kept> kept) {
        Set<UUID> here = new HashSet<>();
        kept.forEach(one -> here.add(one.store().vm()));
        found.keySet().retainAll(here);
        elsewhere.keySet().retainAll(here);
        asking.settle(lending.record().asked().stream()
                .filter(vm -> !here.contains(vm))
                .toList());
    }

    /** @param skewNs from the time of this process to that of who sweeps */
    private void visit(String host, List<StoreRecord> stores, long skewNs) {
        Map<String, VmInfo> vms = new HashMap<>();
        try {
            hosts.vms(host).forEach(vm -> vms.put(vm.uuid(), vm));
        } catch (IOException e) {
            pauses.failed(host, System.nanoTime() + skewNs);
            stores.forEach(
                    store -> found.put(store.vm(), new Status(host, nameOf(store.vm()), false, silent(host, e))));
            return;
        }
        pauses.answered(host, System.nanoTime() + skewNs);
        List<UUID> missing = new ArrayList<>();
        Set<UUID> leaving = lending.leaving();
        for (StoreRecord store : stores) {
            VmInfo vm = vms.get(store.vm().toString());
            if (vm == null) {
                missing.add(store.vm());
            } else if (leaving.contains(store.vm())) {
                found.put(
                        store.vm(),
                        asking.leave(store.vm(), vm, host, found.get(store.vm()), System.nanoTime() + skewNs));
            } else {
                asking.stay(store.vm(), vm, host, System.nanoTime() + skewNs);
            }
        }
        lookFor(missing, host, System.nanoTime() + skewNs);
    }

    private void lookFor(List<UUID> missing, String but, long nowNs) {
        missing.forEach(vm -> isNotAt(but, vm));
        List<UUID> due =
                missing.stream().filter(vm -> searches.isOver(vm, nowNs)).toList();
        due.forEach(vm -> searches.failed(vm, nowNs));
        if (!due.isEmpty()) {
            threads.begin(SEARCH, () -> search(due, but));
        }
    }

    private @Nullable String nameOf(UUID vm) {
        Status status = found.get(vm);
        return status == null ? null : status.name();
    }

    private static String silent(String host, IOException e) {
        return e instanceof UnreachableException
                ? e.getMessage() + "; it is asked again. If it is dead for good, \"splitmem forget-host " + host + "\""
                : String.valueOf(e.getMessage());
    }

    private void isNotAt(String host, UUID vm) {
        elsewhere.remove(vm, host);
        found.put(
                vm,
                new Status(
                        host,
                        nameOf(vm),
                        false,
                        host
                                + " does not know this VM; if no other host that answers does either, see \"A store that nobody"
                                + " releases\" in OPERATIONS.md"));
    }

    /** Where a VM is that has moved on since it reserved memory here, or has not come yet. */
    private void search(List<UUID> missing, String but) {
        for (String host : hosts.names()) {
            if (host.equals(but)) {
                continue;
            }
            try {
                for (VmInfo vm : hosts.vms(host)) {
                    UUID uuid = UUID.fromString(vm.uuid());
                    if (missing.contains(uuid) && vm.state() != VmState.DEFINED) {
                        elsewhere.merge(uuid, host, (one, other) -> vm.state() == VmState.SPLIT ? other : one);
                    }
                }
            } catch (IOException e) {
                log.info("{} does not say whether it has one of the VMs {}: {}", host, missing, e.getMessage());
            }
        }
    }
}
