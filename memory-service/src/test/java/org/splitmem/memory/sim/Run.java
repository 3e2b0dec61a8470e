package org.splitmem.memory.sim;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.splitmem.memory.sim.machine.Kernel;
import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimHostOs;
import org.splitmem.memory.sim.machine.SimProcess;
import org.splitmem.memory.sim.machine.Trace;

/** One run; loaded by the loader of the simulation, and called by its name. */
public final class Run {
    private static final int HOSTS = 5;
    private static final int OPERATIONS = 3;
    private static final int LOOKS_EVERY = 20;

    private Run() {}

    /**
     * Runs a seed.
     *
     * @param without faults of the seed, by their numbers, that do not happen
     * @return the run's trace, what failed, steps, its virtual time in ns, and its faults
     */
    public static Object[] of(long seed, Scheduler.Settings settings, Set<Integer> without) {
        Trace trace = new Trace();
        Scheduler scheduler = new Scheduler(seed, settings, trace);
        Kernel kernel = new Kernel(scheduler);
        SimHostOs nowhere = kernel.addHost("world");
        SimProcess process = nowhere.begin("world");
        List<Faults.Fault> all = Faults.of(seed, HOSTS);
        List<Faults.Fault> wanted = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            if (!without.contains(i)) {
                wanted.add(all.get(i));
            }
        }
        Throwable failed = null;
        try {
            scheduler.run(process, "main", () -> tell(new World(kernel, process, HOSTS), wanted));
        } catch (Throwable e) {
            failed = e;
        }
        kernel.close();
        return new Object[] {trace, failed, scheduler.steps(), scheduler.sinceStartNs(), all.toString(), all.size()};
    }

    private static void tell(World world, List<Faults.Fault> wanted) {
        Checks checks = new Checks(world);
        world.scheduler().look(LOOKS_EVERY, checks::check);
        Faults.begin(world, wanted);
        try {
            Story.tell(world, OPERATIONS);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
