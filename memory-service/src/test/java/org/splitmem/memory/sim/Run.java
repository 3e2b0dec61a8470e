package org.splitmem.memory.sim;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.sim.machine.Kernel;
import org.splitmem.memory.sim.machine.Outcome;
import org.splitmem.memory.sim.machine.Plan;
import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimProcess;
import org.splitmem.memory.sim.machine.Trace;

/** Runs plans. Loaded by the loader of the simulation, which finds it by its name. */
public final class Run implements Function<Plan, Outcome> {
    private static final int HOSTS = 5;
    private static final int LOOKS_EVERY = 20;
    private static final int[] PREEMPTION = {0, 2_000, 20_000, 100_000};
    private static final int[] LATENESS = {0, 0, 500, 5_000};
    private static final long MOST_STEPS = 3_000_000;
    private static final long MOST_NS = 4_000_000_000_000L;

    @Override
    public Outcome apply(Plan plan) {
        Trace trace = new Trace();
        Scheduler scheduler = new Scheduler(plan.seed(), settings(plan), trace);
        Kernel kernel = new Kernel(scheduler);
        SimProcess process = kernel.addHost("world").begin("world");
        List<Faults.Fault> all = Faults.of(plan.seed(), HOSTS);
        List<Faults.Fault> wanted = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            if (!plan.without().contains(i)) {
                wanted.add(all.get(i));
            }
        }
        Throwable failure = failureOf(scheduler, process, () -> tell(kernel, process, wanted, plan.operations()));
        kernel.close();
        return new Outcome(
                trace.hash(),
                trace.lines(),
                failure,
                scheduler.steps(),
                scheduler.sinceStartNs(),
                all.stream().map(Faults.Fault::toString).toList());
    }

    private static Scheduler.Settings settings(Plan plan) {
        SplittableRandom random = new SplittableRandom(plan.seed() ^ 0x5E77);
        int preemption = PREEMPTION[random.nextInt(PREEMPTION.length)];
        int lateness = LATENESS[random.nextInt(LATENESS.length)];
        return new Scheduler.Settings(plan.calm() ? 0 : preemption, plan.calm() ? 0 : lateness, MOST_STEPS, MOST_NS);
    }

    private static @Nullable Throwable failureOf(Scheduler scheduler, SimProcess process, Runnable task) {
        try {
            scheduler.run(process, "main", task);
            return null;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        } catch (Throwable e) { // whatever a thread of the run has thrown
            return e;
        }
    }

    private static void tell(Kernel kernel, SimProcess process, List<Faults.Fault> faults, int operations) {
        World world = new World(kernel, process, HOSTS);
        world.scheduler().look(LOOKS_EVERY, new Checks(world)::check);
        Faults.begin(world, faults);
        try {
            Story.tell(world, operations);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
