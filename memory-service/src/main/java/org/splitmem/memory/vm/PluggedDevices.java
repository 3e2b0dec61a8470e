package org.splitmem.memory.vm;

import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.qmp.DeviceObstacles;
import org.splitmem.memory.qmp.QmpMonitor;

/**
 * Whether a paged VM's QEMU has got a device since it was split that reaches guest RAM past QEMU's mappings: a page that it uses must not be
 * sent out. QEMU reports no new device by itself, so it is asked, every second while pages are sent out: a page that is in use takes longer
 * than that to become cold. On a thread of its own, since QEMU's main thread may itself wait for a page; as long as it does not answer
 * it plugs nothing in either, and its last answer holds. Any thread.
 */
final class PluggedDevices implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PluggedDevices.class);
    private static final long BUSY_NS = 1_000_000_000L;
    private static final long QUIET_NS = 5_000_000_000L;

    private final Vm vm;
    private final Outbound.Devices devices;
    private final BooleanSupplier mayAsk;
    private final Thread thread;
    private volatile @Nullable String obstacle;
    private volatile boolean asked;
    private volatile boolean silent;
    private volatile boolean busy;
    private volatile boolean closed;

    PluggedDevices(Vm vm) {
        this(vm, () -> ask(vm), vm::mayPageOut); // until then a migration to here has QEMU's only monitor
    }

    /** @param devices asks QEMU, when it {@code mayAsk} */
    PluggedDevices(Vm vm, Outbound.Devices devices, BooleanSupplier mayAsk) {
        this.vm = vm;
        this.devices = devices;
        this.mayAsk = mayAsk;
        this.thread = new Thread(this::run, "devices-" + vm.uuid());
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** Which device, and why; null if there is none. */
    @Nullable
    String obstacle() {
        return obstacle;
    }

    /** @param wanted whether pages are to be sent out now; not before QEMU was asked once, which an earlier daemon cannot have done for this one */
    boolean allowPageOut(boolean wanted) {
        boolean was = busy;
        busy = wanted;
        if (wanted && !was) {
            LockSupport.unpark(thread);
        }
        return asked && obstacle == null;
    }

    private void run() {
        while (!closed) {
            if (mayAsk.getAsBoolean()) {
                ask();
            }
            long endNs = System.nanoTime() + (busy ? BUSY_NS : QUIET_NS);
            boolean wasBusy = busy;
            while (!closed && System.nanoTime() - endNs < 0 && (wasBusy || !busy)) {
                LockSupport.parkNanos(endNs - System.nanoTime());
            }
        }
    }

    private static @Nullable String ask(Vm vm) throws IOException {
        try (QmpMonitor qemu = vm.monitor()) {
            return DeviceObstacles.of(qemu);
        }
    }

    private void ask() {
        try {
            String found = devices.obstacle();
            if (!Objects.equals(found, obstacle)) {
                report(found);
            }
            obstacle = found;
            silent = false;
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            if (!silent && !closed) {
                log.warn("vm={} QEMU does not say what devices it has: {}", vm.uuid(), e.getMessage());
            }
            silent = true;
        }
        asked = true;
    }

    private void report(@Nullable String found) {
        if (found == null) {
            log.info("vm={} the devices that kept its pages here are gone: pages are sent out again", vm.uuid());
        } else {
            log.error(
                    "vm={} a device was plugged in that forbids a split, so nothing is sent out any more, and VM {} becomes whole again if"
                            + " there is room; detach it: {}",
                    vm.uuid(),
                    vm.name(),
                    found);
        }
    }

    /** Its thread ends by itself, once QEMU has answered. */
    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }
}
