package org.splitmem.memory.sim;

import org.splitmem.memory.sim.machine.Kernel;
import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimHostOs;
import org.splitmem.memory.sim.machine.SimProcess;
import org.splitmem.memory.sim.machine.Trace;

/** One run; loaded by the loader of the simulation, and called by its name. */
public final class Run {
    private Run() {}

    /** @return the run's trace, and what failed, if something did */
    public static Object[] of(long seed, Scheduler.Settings settings) {
        Trace trace = new Trace();
        Scheduler scheduler = new Scheduler(seed, settings, trace);
        Kernel kernel = new Kernel(scheduler);
        SimHostOs nowhere = kernel.addHost("world");
        SimProcess process = nowhere.begin("world");
        Throwable failed = null;
        try {
            scheduler.run(process, "main", () -> {
                try {
                    FirstScenario.run(new World(kernel, process, 3));
                } catch (RuntimeException e) {
                    throw e;
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
        } catch (Throwable e) {
            failed = e;
        }
        kernel.close();
        return new Object[] {trace, failed, scheduler.steps(), scheduler.sinceStartNs()};
    }
}
