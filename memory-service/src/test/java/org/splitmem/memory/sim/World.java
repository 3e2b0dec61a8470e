package org.splitmem.memory.sim;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.shim.Qemu;
import org.splitmem.memory.sim.machine.Kernel;
import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimProcess;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;

/** All hosts of a run, and who acts on them: operators, hypervisors, and what goes wrong. */
final class World {
    static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long LOOK_NS = 20_000_000L;
    /** The most that whatever is awaited may take once nothing goes wrong any more. */
    private static final long LIMIT_NS = 200_000_000_000L;
    /** The same if nothing has gone wrong: no lease has to end first. */
    private static final long CALM_LIMIT_NS = 25_000_000_000L;

    private final Kernel kernel;
    private final Scheduler scheduler = Scheduler.here();
    private final SimProcess own;
    private final List<SimHost> hosts = new ArrayList<>();
    private final Map<String, SimHost> byName = new LinkedHashMap<>();
    private final Map<Integer, SimQemu> qemus = new LinkedHashMap<>();
    private final Map<FaultPoint, Consumer<SimDaemon>> atPoints = new HashMap<>();
    private final List<FaultPoint> reached = new ArrayList<>();
    private @Nullable Faults faults;
    private boolean suffered;
    private @Nullable Guest guest;
    private String lost = "";
    private String left = "";

    /** @param own the process that acts on the hosts */
    World(Kernel kernel, SimProcess own, int number) {
        this.kernel = kernel;
        this.own = own;
        for (int i = 1; i <= number; i++) {
            SimHost host = new SimHost(this, kernel.addHost("h" + i));
            hosts.add(host);
            byName.put(host.name(), host);
        }
        hosts.forEach(SimHost::start);
        await("all daemons have started", () -> hosts.stream().allMatch(SimHost::isUp));
    }

    Kernel kernel() {
        return kernel;
    }

    Scheduler scheduler() {
        return scheduler;
    }

    SimHost host(int number) {
        return hosts.get(number - 1);
    }

    /** @throws IOException if there is none: the text is what a daemon says of a host it does not know */
    SimHost host(String name) throws IOException {
        SimHost host = byName.get(name);
        if (host == null) {
            throw new IOException("host " + name + " is not among the peers of splitmem.conf");
        }
        return host;
    }

    List<SimHost> hosts() {
        return hosts;
    }

    /** All but the first two. */
    List<SimHost> subHosts() {
        return hosts.subList(2, hosts.size());
    }

    // ---- QEMUs

    void started(SimQemu qemu) {
        qemus.put(qemu.process().pid(), qemu);
    }

    /** What libvirt says of a process. */
    @Nullable
    Qemu qemuOf(int pid) {
        SimQemu qemu = qemus.get(pid);
        return qemu == null ? null : new Qemu(qemu.vm(), "guest", pid);
    }

    List<SimQemu> qemusOn(SimHost host) {
        return qemus.values().stream()
                .filter(qemu -> qemu.host() == host && !qemu.hasEnded())
                .toList();
    }

    void runs(Guest here) {
        guest = here;
    }

    @Nullable
    Guest guest() {
        return guest;
    }

    /** Its QEMU is gone. */
    void endsGuest() {
        guest = null;
    }

    /** What that host has had of the VM is gone. */
    void loses(SimHost host) {
        lost = host.name();
        suffered = true;
    }

    boolean hasLost(String host) {
        return host.equals(lost);
    }

    // ---- what goes wrong

    void suffers(Faults from) {
        faults = from;
        suffered = from.areAny();
    }

    boolean isTroubled() {
        Faults now = faults;
        return now != null && !now.areOver();
    }

    /** What has not gone wrong yet does not any more; what lasts comes to its end. */
    void endTroubles() {
        atPoints.clear();
        Faults now = faults;
        if (now != null) {
            now.stop();
        }
    }

    /** Once, when a daemon first comes to the point. */
    void at(FaultPoint point, Consumer<SimDaemon> event) {
        atPoints.put(point, event);
    }

    /** On a thread of the daemon. */
    void reached(SimDaemon daemon, FaultPoint point) {
        scheduler.event(daemon.host().name() + " has reached " + point);
        reached.add(point);
        Consumer<SimDaemon> event = atPoints.remove(point);
        if (event != null) {
            event.accept(daemon);
            scheduler.point(); // ends the caller if it has died
        }
    }

    /** On a thread of no host. */
    void later(long ns, Runnable action) {
        scheduler.begin(own, "later", () -> {
            LockSupport.parkNanos(ns);
            action.run();
        });
    }

    // ---- waiting

    /** True or false, or that a host cannot be asked just now. */
    interface Condition {
        boolean holds() throws Exception;
    }

    /** Waits until it holds; no limit counts while things go wrong. */
    void await(String what, Condition condition) {
        long limitNs = suffered ? LIMIT_NS : CALM_LIMIT_NS;
        long endNs = scheduler.now() + limitNs;
        while (!holds(condition)) {
            if (isTroubled()) {
                endNs = scheduler.now() + limitNs;
            }
            if (scheduler.now() > endNs) {
                throw new AssertionError("not within " + limitNs / 1_000_000_000L + " s: " + what + "; " + this
                        + scheduler.threadDump());
            }
            LockSupport.parkNanos(LOOK_NS);
        }
    }

    private static boolean holds(Condition condition) {
        try {
            return condition.holds();
        } catch (IOException e) {
            return false;
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    void awaitAllUp() {
        await("all hosts are up", () -> hosts.stream().allMatch(SimHost::isUp));
    }

    static @Nullable Vm vmOn(SimHost host) throws IOException {
        return host.daemon().vms().find(VM);
    }

    static VmRecord.Phase phaseOn(SimHost host) throws IOException {
        Vm vm = vmOn(host);
        return vm == null ? VmRecord.Phase.LEFT : vm.record().phase();
    }

    /** Whether nothing of the VM is anywhere but on its own host. */
    boolean isCleanBut(@Nullable SimHost owner) throws IOException {
        for (SimHost host : hosts) {
            List<String> kept = host.filesKept();
            if (host.daemon().server().lentBytes() > 0 || kept.size() > (host == owner ? 1 : 0)) {
                left = host.name() + " keeps " + kept;
                return false;
            }
        }
        return true;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (SimHost host : hosts) {
            SimDaemon daemon = host.daemonOrNull();
            text.append(host.name());
            if (daemon == null) {
                text.append(" is down; ");
                continue;
            }
            Vm vm = daemon.vms().find(VM);
            text.append(": ").append(vm == null ? "no VM" : vm.record().toString());
            var paging = vm == null ? null : vm.paging();
            if (paging != null) {
                for (PageState state : PageState.values()) {
                    text.append(", ")
                            .append(state)
                            .append(' ')
                            .append(paging.table().count(state));
                }
            }
            text.append(", lent ").append(daemon.server().lentBytes());
            text.append(", held ").append(daemon.server().heldBytes());
            daemon.migrations()
                    .list()
                    .forEach(one ->
                            text.append(", ").append(one.phase()).append(": ").append(one.reason()));
            text.append("; ");
        }
        return text.append(left).toString();
    }
}
