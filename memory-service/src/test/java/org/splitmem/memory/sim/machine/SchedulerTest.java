package org.splitmem.memory.sim.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SchedulerTest {
    private static final Scheduler.Settings OFTEN =
            new Scheduler.Settings(500_000, 10_000, 100_000, 1_000_000_000_000L);

    /** A run in which threads take turns as the seed says. @return who did what, in that order */
    private static List<String> run(long seed, Trace trace) throws Throwable {
        List<String> order = new ArrayList<>();
        Scheduler scheduler = new Scheduler(seed, OFTEN, trace);
        Kernel kernel = new Kernel(scheduler);
        SimProcess process = kernel.addHost("h1").begin("toy");
        Object lock = new Object();
        scheduler.run(process, "main", () -> {
            List<SimThread> threads = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                int index = i;
                threads.add(scheduler.begin(process, "t" + i, () -> work(order, lock, index)));
            }
            while (threads.stream().anyMatch(SimThread::isAlive)) { // the run ends with its first thread
                SimLockSupport.parkNanos(1_000_000L);
            }
        });
        return order;
    }

    private static void work(List<String> order, Object lock, int index) {
        for (int round = 0; round < 5; round++) {
            Monitors.enter(lock);
            order.add("begin " + index);
            SimLockSupport.parkNanos(1_000_000L * (1 + index));
            order.add("end " + index);
            Monitors.exit(lock);
        }
    }

    @Test
    void aSeedIsOneOrderAndSeedsDiffer() throws Throwable {
        Trace first = new Trace();
        Trace second = new Trace();
        List<String> order = run(1, first);

        assertThat(run(1, second)).isEqualTo(order);
        assertThat(second.hash()).isEqualTo(first.hash());
        assertThat(run(2, new Trace())).isNotEqualTo(order);
    }

    @Test
    void aMonitorIsHeldByOne() throws Throwable {
        List<String> order = run(3, new Trace());

        for (int i = 0; i < order.size(); i += 2) {
            assertThat(order.get(i + 1)).isEqualTo(order.get(i).replace("begin", "end"));
        }
    }

    @Test
    void whatWaitsForEverIsAFailure() {
        Scheduler scheduler = new Scheduler(1, OFTEN, new Trace());
        SimProcess process = new Kernel(scheduler).addHost("h1").begin("toy");

        assertThatThrownBy(() -> scheduler.run(process, "main", SimLockSupport::park))
                .hasMessageContaining("nothing will wake them");
    }

    @Test
    void aProcessThatIsKilledGoesNoStepFurther() throws Throwable {
        Scheduler scheduler = new Scheduler(1, OFTEN, new Trace());
        Kernel kernel = new Kernel(scheduler);
        SimHostOs host = kernel.addHost("h1");
        SimProcess own = host.begin("own");
        SimProcess victim = host.begin("victim");
        List<String> seen = new ArrayList<>();
        scheduler.run(own, "main", () -> {
            SimThread thread = scheduler.begin(victim, "victim", () -> {
                try {
                    SimLockSupport.parkNanos(1_000_000_000L);
                    seen.add("it went on");
                } finally {
                    seen.add("unwound");
                    scheduler.point();
                    seen.add("and went on");
                }
            });
            SimLockSupport.parkNanos(1_000_000L);
            kernel.kill(victim);
            SimLockSupport.parkNanos(1_000_000L);
            assertThat(thread.isAlive()).isFalse();
        });

        assertThat(seen).containsExactly("unwound");
    }
}
