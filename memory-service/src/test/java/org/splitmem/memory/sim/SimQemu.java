package org.splitmem.memory.sim;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.sim.machine.GuestRam;
import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimProcess;

/** A QEMU with the shim: what both do to RAM, in a process of its own. */
final class SimQemu {
    private static final int PAGE = 4096;
    private static final int TIMEOUT_MS = 30_000, DISCARD_MS = 200;
    private static final long RECONNECT_NS = 100_000_000L, HOLD_NS = 8_000_000_000L, AGAIN_NS = 5_000_000_000L;
    private static final int REFUSED = 0, KERNEL = 1, IGNORED = 2;
    private static final int ESHUTDOWN = 108, EINVAL = 22;

    private final World world;
    private final SimHost host;
    private final UUID vm;
    private final SimProcess process;
    private final Scheduler scheduler = Scheduler.here();
    private final List<GuestRam> ram = new ArrayList<>();
    private final List<Fd> files = new ArrayList<>();
    private final List<Fd> uffds = new ArrayList<>();
    private final SimMonitor monitor;

    private final Object discarding = new Object();
    private int rule; // guarded by discarding
    private boolean knowsRule; // guarded by discarding
    private @Nullable ShimWire discards; // guarded by discarding
    private long notBeforeNs; // guarded by discarding
    private final Object holding = new Object();
    private boolean held; // guarded by holding
    private boolean tooLate; // guarded by holding
    private volatile @Nullable IOException refused;

    /** Starts it; it has all its RAM when this returns. @throws IOException if the daemon refuses: then it has ended */
    SimQemu(World world, SimHost host, UUID vm, List<Long> backends) throws IOException {
        this.world = world;
        this.host = host;
        this.vm = vm;
        this.process = host.os().begin("qemu");
        world.started(this);
        this.monitor = new SimMonitor(process, host.monitorSocket(vm));
        try {
            scheduler.begin(process, "qemu", () -> start(backends)).join();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        IOException why = refused;
        if (why != null || process.isDead()) {
            world.kernel().kill(process);
            throw new IOException("QEMU does not start: " + why, why);
        }
    }

    UUID vm() {
        return vm;
    }

    SimHost host() {
        return host;
    }

    SimProcess process() {
        return process;
    }

    SimMonitor monitor() {
        return monitor;
    }

    List<GuestRam> ram() {
        return ram;
    }

    boolean hasEnded() {
        return process.isDead();
    }

    private void start(List<Long> backends) {
        try {
            monitor.listen();
            for (long bytes : backends) {
                attach(bytes);
            }
        } catch (IOException e) {
            refused = e;
        }
    }

    private void attach(long bytes) throws IOException {
        try (ShimWire wire = ShimWire.connect(host.shimSocket(), TIMEOUT_MS, vm, ShimWire.ATTACH, process.pid(), 0)) {
            int index = ram.size();
            Fd file = wire.set(ShimWire.OPEN, index, 0, 0, 0).call(ShimWire.OPENED, null);
            if (file == null || (wire.a() != 0 && wire.a() != bytes)) {
                throw new IOException("OPENED without a file, or for " + wire.a() + " B");
            }
            if (Unistd.size(file) == 0) {
                Unistd.truncate(file, bytes);
            }
            GuestRam mapped = world.kernel().mapRam(file.number());
            Fd uffd = new Fd(world.kernel().openUserfault(mapped));
            wire.set(ShimWire.MAPPED, index, world.kernel().addressOf(mapped), bytes, 0)
                    .call(ShimWire.MAPPED_OK, uffd);
            setFirstRule((int) wire.b());
            world.kernel().setModes(mapped, (int) wire.a());
            files.add(file);
            uffds.add(uffd);
            ram.add(mapped);
            if (index == 0) {
                scheduler.begin(process, "shim", this::serve);
            }
        }
    }

    private void setFirstRule(int code) {
        synchronized (discarding) {
            if (!knowsRule) {
                rule = code;
                knowsRule = true;
            }
        }
    }

    // ---- the service thread

    private void serve() {
        while (true) {
            try (ShimWire wire = announce()) {
                while (true) {
                    answer(wire);
                }
            } catch (IOException e) {
                LockSupport.parkNanos(RECONNECT_NS);
            }
        }
    }

    private ShimWire announce() throws IOException {
        synchronized (discarding) {
            endDiscards();
            notBeforeNs = 0;
        }
        int count = ram.size();
        ShimWire wire = ShimWire.connect(host.shimSocket(), TIMEOUT_MS, vm, ShimWire.SERVICE, process.pid(), count);
        try {
            for (int i = 0; i < count; i++) {
                GuestRam one = ram.get(i);
                long bytes = (long) one.pages() * PAGE;
                wire.set(ShimWire.MAPPED, i, world.kernel().addressOf(one), bytes, 0)
                        .call(ShimWire.MAPPED_OK, uffds.get(i));
            }
            return wire;
        } catch (IOException e) {
            wire.close();
            throw e;
        }
    }

    private void answer(ShimWire wire) throws IOException {
        wire.next();
        switch (wire.type()) {
            case ShimWire.ZAP -> zap(wire);
            case ShimWire.MODES -> {
                world.kernel().setModes(ram.get(wire.arg()), (int) wire.a());
                wire.reply(0, 0);
            }
            case ShimWire.DISCARDS -> {
                synchronized (discarding) {
                    endDiscards();
                    rule = wire.arg();
                    notBeforeNs = 0;
                }
                wire.reply(0, 0);
            }
            case ShimWire.HOLD -> hold(wire);
            default -> throw new IOException("unknown request " + wire.type());
        }
    }

    private void zap(ShimWire wire) throws IOException {
        int backend = wire.arg();
        int count = (int) wire.b();
        NativeBlock ranges = wire.body(count * 16);
        int errno = 0;
        for (int i = 0; i < count; i++) {
            long offset = ranges.getLong(i * 16);
            long length = ranges.getLong(i * 16 + 8);
            boolean isRange = length > 0
                    && (offset | length) % PAGE == 0
                    && offset + length <= (long) ram.get(backend).pages() * PAGE;
            if (isRange) {
                world.kernel().zap(ram.get(backend), (int) (offset / PAGE), (int) (length / PAGE));
            } else {
                errno = EINVAL;
            }
        }
        wire.reply(errno, 0);
    }

    private void hold(ShimWire wire) throws IOException {
        int errno = 0;
        synchronized (holding) {
            if (wire.arg() == 1 && tooLate) {
                errno = ESHUTDOWN;
            } else {
                held = wire.arg() == 1;
                holding.notifyAll();
            }
        }
        wire.reply(errno, 0);
    }

    // ---- giving back, in QEMU's thread

    private void endDiscards() {
        ShimWire wire = discards;
        if (wire != null) {
            wire.close();
        }
        discards = null;
    }

    /** As QEMU's ram_block_discard_range does. @return false if nothing may be given back */
    boolean discard(int backend, int page, int count) throws IOException {
        synchronized (discarding) {
            switch (rule) {
                case REFUSED -> {
                    return false;
                }
                case IGNORED -> {
                    return true;
                }
                case KERNEL -> Unistd.punchHole(files.get(backend), (long) page * PAGE, (long) count * PAGE);
                default -> ask(backend, page, count);
            }
        }
        return true;
    }

    private void ask(int backend, int page, int count) {
        if (scheduler.now() < notBeforeNs) {
            return;
        }
        try {
            giveBack(backend, (long) page * PAGE, (long) count * PAGE);
        } catch (IOException e) {
            notBeforeNs = scheduler.now() + AGAIN_NS;
            endDiscards();
        }
    }

    private void giveBack(int backend, long offset, long length) throws IOException {
        ShimWire wire = discards;
        if (wire == null) {
            wire = ShimWire.connect(host.shimSocket(), DISCARD_MS, vm, ShimWire.GIVE_BACK, process.pid(), 0);
            discards = wire;
        }
        wire.set(ShimWire.DISCARD, backend, offset, length, 0).call(ShimWire.CLAIMED, null);
        long claimed = wire.a();
        int count = (int) wire.b();
        if (claimed == 0) {
            return;
        }
        if (count > 0) {
            NativeBlock ranges = wire.body(count * 16);
            for (int i = 0; i < count; i++) {
                Unistd.punchHole(files.get(backend), ranges.getLong(i * 16), ranges.getLong(i * 16 + 8));
            }
        }
        wire.set(ShimWire.DISCARDED, 0, 0, 0, 0).call(ShimWire.DONE, null);
    }

    // ---- its end

    /** As libvirt ends it: it is held as long as the daemon wants, and not longer than the shim waits. */
    void exit() {
        if (process.isDead()) {
            return;
        }
        try {
            scheduler.begin(process, "exit", this::awaitRelease).join(10_000);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        world.kernel().kill(process);
    }

    private void awaitRelease() {
        long endNs = scheduler.now() + HOLD_NS;
        synchronized (holding) {
            while (held && scheduler.now() < endNs) {
                try {
                    holding.wait(Math.max(1, (endNs - scheduler.now()) / 1_000_000));
                } catch (InterruptedException e) {
                    return;
                }
            }
            tooLate = true;
        }
    }

    /** At once. */
    void kill() {
        world.kernel().kill(process);
    }
}
