package org.splitmem.memory.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.memory.sim.machine.Outcome;
import org.splitmem.memory.sim.machine.Plan;
import org.splitmem.memory.sim.machine.Shrinker;
import org.splitmem.memory.sim.machine.Simulator;

/**
 * Hosts, and all that may go wrong with them, in one thread at a time: each seed is one run, the same on every machine. What fails is said with
 * its shrunk story; {@code -Dtest.seed} runs one seed.
 */
class DeterministicSimulationTest {
    private static final int SEEDS = Integer.getInteger("sim.seeds", 1_500);
    private static final int WORKERS = 2;
    private static final int SAME = 10;

    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    void whateverHappensNothingIsLostAndNothingIsLeft() throws Exception {
        Long only = Long.getLong("test.seed");
        AtomicLong next = new AtomicLong(only == null ? 1 : only);
        long last = only == null ? SEEDS : only;
        ExecutorService workers = Executors.newFixedThreadPool(WORKERS);
        List<Future<List<String>>> all = new ArrayList<>();
        for (int i = 0; i < WORKERS; i++) {
            all.add(workers.submit(() -> work(next, last)));
        }
        workers.shutdown();
        List<String> failures = new ArrayList<>();
        for (Future<List<String>> one : all) {
            failures.addAll(one.get());
        }
        if (!failures.isEmpty()) {
            fail(failures.size() + " seeds fail (one of them again: -Dtest.seed=...):\n"
                    + String.join("\n\n", failures));
        }
    }

    private static List<String> work(AtomicLong next, long last) {
        Simulator simulator = new Simulator();
        List<String> failures = new ArrayList<>();
        long seed;
        while ((seed = next.getAndIncrement()) <= last && failures.isEmpty()) {
            Plan plan = Plan.of(seed);
            Outcome outcome = simulator.run(plan);
            if (outcome.failure() != null) {
                failures.add(new Shrinker(simulator, plan, outcome).shrunk());
            }
        }
        return failures;
    }

    /** Whatever else differs: hashes of objects, the order of the JDK's own sets, times. */
    @Test
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    void twoProcessesSeeTheSameEvents() throws Exception {
        Process other = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        "1",
                        String.valueOf(SAME))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        Simulator simulator = new Simulator();
        List<String> hashes = new ArrayList<>();
        for (long seed = 1; seed <= SAME; seed++) {
            hashes.add(
                    seed + " " + Long.toHexString(simulator.run(Plan.of(seed)).hash()));
        }
        String others = new String(other.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(others.lines().filter(line -> line.matches("\\d+ \\p{XDigit}+")))
                .containsExactlyElementsOf(hashes);
    }
}
