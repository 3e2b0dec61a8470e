package org.splitmem.memory.control;

import java.util.UUID;
import org.splitmem.memory.migration.GuestRoom;
import org.splitmem.memory.vm.Vm;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.VmInfo;

/** Whether this host has the memory for what a VM may take of it. Each refusal is an {@link ApiException} with 507. Any thread. */
final class HostRoom {
    private final String host;
    private final GuestRoom guests;
    private final HostFacts facts;

    HostRoom(String host, GuestRoom guests, HostFacts facts) {
        this.host = host;
        this.guests = guests;
        this.facts = facts;
    }

    /** For one that comes: what guests may have in all, and what is free. */
    void checkBudget(UUID vm, String name, long budgetBytes) {
        checkLimit(vm, name, budgetBytes);
        long free = facts.availableBytes();
        if (budgetBytes > free) {
            throw full(host + " has " + free + " B of memory free, the VM's budget is " + budgetBytes + " B");
        }
    }

    /** For one that is here. */
    void checkGrowth(Vm vm, long budgetBytes) {
        VmInfo now = Views.of(vm);
        checkLimit(vm.uuid(), vm.name(), Math.min(budgetBytes, now.ramBytes()));
        long growth = growth(budgetBytes, now.ramBytes(), now.residentBytes());
        long free = facts.availableBytes();
        if (growth > free) { // the tmpfs of guest RAM has no limit of its own
            throw full("with a budget of " + budgetBytes + " B, " + growth + " B more of VM " + vm.name()
                    + " would come to " + host + ", which has " + free + " B of memory free");
        }
    }

    /** Bytes of a VM that a budget lets come back to its main host. */
    static long growth(long budget, long ram, long resident) {
        return Math.max(0, Math.min(budget, ram) - resident);
    }

    private void checkLimit(UUID vm, String name, long bytes) {
        try {
            guests.check(vm, name, bytes);
        } catch (RefusedException e) {
            throw full(host + ": " + e.text());
        }
    }

    private static ApiException full(String why) {
        return new ApiException(RefusalCode.NO_ROOM, why);
    }
}
