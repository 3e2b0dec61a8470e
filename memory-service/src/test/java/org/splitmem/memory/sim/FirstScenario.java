package org.splitmem.memory.sim;

import java.util.List;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;

/** A VM is split where it runs, and gathered again. */
final class FirstScenario {
    private FirstScenario() {}

    static void run(World world) throws Exception {
        SimHost home = world.host(1);
        SimQemu qemu = new SimQemu(world, home, World.VM, List.of(80 * 4096L, 16 * 4096L));
        Guest guest = new Guest(world, qemu);
        world.await("the shim is connected", () -> World.vmOn(home).session() != null);
        guest.fill();
        qemu.monitor().resume();
        guest.run();
        SimDaemon daemon = home.daemon();
        Vm vm = World.vmOn(home);
        SplitRequest request = new SplitRequest("guest", 96 * 4096L, 40 * 4096L, List.of(new SubHostShare("h2", null), new SubHostShare("h3", null)));
        daemon.call(() -> {
            daemon.migrations().splits().split(vm, request);
            return true;
        });
        guest.uses(0, 16);
        world.await("it is within its budget", () -> vm.paging().table().resident() <= 40);
        guest.verify();
        guest.uses(0, 16);
        world.await("it is within its budget", () -> vm.paging().table().resident() <= 40);
        vm.setBudget(96 * 4096L);
        world.await("it is whole", () -> World.phaseOn(home) == VmRecord.Phase.LOCAL);
        world.await("guest stops", guest::stops);
        guest.verify();
        world.await("nothing is left", () -> world.isCleanBut(home));
    }
}
