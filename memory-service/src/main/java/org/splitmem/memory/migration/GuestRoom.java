package org.splitmem.memory.migration;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongSupplier;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.DataSize;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/**
 * The hard limit for the RAM of split-ready VMs on this host: a split VM counts with its budget, any other with all its RAM. Any
 * thread.
 */
public final class GuestRoom {
    private final VmRegistry vms;
    private final LongSupplier limit;
    private final Map<UUID, Long> granted = new HashMap<>(); // guarded by this; more than its record says

    /** @param limit in bytes, {@link Long#MAX_VALUE} for none; asked each time */
    public GuestRoom(VmRegistry vms, LongSupplier limit) {
        this.vms = vms;
        this.limit = limit;
    }

    /**
     * Room for a VM until the grant is closed; by then its record has to say so.
     *
     * @param bytes that it takes in all
     * @throws RefusedException with the numbers and what helps
     */
    public VmRegistry.Grant grant(UUID vm, String name, long bytes) throws RefusedException {
        synchronized (this) {
            check(vm, name, bytes);
            granted.put(vm, bytes);
        }
        return () -> close(vm);
    }

    private synchronized void close(UUID vm) {
        granted.remove(vm);
    }

    /** Whether a VM may take so much of this host, in all. @throws RefusedException if not */
    public synchronized void check(UUID vm, String name, long bytes) throws RefusedException {
        long most = limit.getAsLong();
        if (most == Long.MAX_VALUE) {
            return;
        }
        long taken = taken(vm);
        if (bytes > most - taken) {
            throw new RefusedException(
                    RefusalCode.NO_ROOM,
                    "guests may take " + text(most) + " of this host, " + text(taken)
                            + " are taken, VM " + name + " needs " + text(bytes)
                            + ": move or end one, lower a budget, or raise memory.guest-limit");
        }
    }

    private static String text(long bytes) {
        return DataSize.ofBytes(Math.max(0, bytes)).rounded();
    }

    /** By all others. */
    private long taken(UUID except) {
        long sum = 0;
        Map<UUID, Long> open = new HashMap<>(granted);
        for (Vm vm : vms.all()) {
            UUID uuid = vm.uuid();
            Long grant = open.remove(uuid);
            if (!uuid.equals(except)) {
                sum += Math.max(share(vm.record()), grant == null ? 0 : grant);
            }
        }
        for (Map.Entry<UUID, Long> starting : Set.copyOf(open.entrySet())) {
            sum += starting.getKey().equals(except) ? 0 : starting.getValue();
        }
        return sum;
    }

    private static long share(VmRecord record) {
        long ram = record.ramBytes();
        return switch (record.phase()) {
            case LOCAL, LEAVING, LEFT -> ram;
            case INCOMING, PAGED -> {
                long budget = record.budgetBytes();
                // Of one whose QEMU is still mapping its RAM only the budget is known.
                yield budget < 0 ? ram : ram == 0 ? budget : Math.min(budget, ram);
            }
        };
    }
}
