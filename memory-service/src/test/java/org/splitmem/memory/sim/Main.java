package org.splitmem.memory.sim;

import org.splitmem.memory.sim.machine.Outcome;
import org.splitmem.memory.sim.machine.Plan;
import org.splitmem.memory.sim.machine.Simulator;

/** Prints the hash of each run from a seed to another one: what two JVMs must agree on. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        Simulator simulator = new Simulator();
        for (long seed = Long.parseLong(args[0]); seed <= Long.parseLong(args[1]); seed++) {
            long began = System.nanoTime();
            Outcome outcome = simulator.run(Plan.of(seed));
            System.out.println(seed + " " + Long.toHexString(outcome.hash()));
            if (args.length > 2) {
                System.err.println("seed " + seed + " steps " + outcome.steps() + " virtual ms "
                        + outcome.ns() / 1_000_000 + " real ms " + (System.nanoTime() - began) / 1_000_000 + " "
                        + outcome.faults() + (outcome.failure() == null ? "" : " FAILED " + outcome.failure()));
                if (args[2].equals("story")) outcome.story().forEach(System.err::println);
            }
        }
    }
}
