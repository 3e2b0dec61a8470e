package org.splitmem.memory.sim;

import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimLoader;
import org.splitmem.memory.sim.machine.Trace;

/** By hand. */
public final class Main {
    public static void main(String[] args) throws Throwable {
        SimLoader loader = new SimLoader(Main.class.getClassLoader());
        Class<?> run = loader.loadClass("org.splitmem.memory.sim.Run");
        var of = run.getMethod("of", long.class, Scheduler.Settings.class, java.util.Set.class);
        long from = Long.parseLong(args[0]), to = Long.parseLong(args[1]);
        for (long seed = from; seed < to; seed++) {
            long t = System.nanoTime();
            Object[] r = (Object[]) of.invoke(null, seed, new Scheduler.Settings(20_000, 2_000, 2_000_000, 2_000_000_000_000L), java.util.Set.of());
            Trace trace = (Trace) r[0];
            System.out.println("seed " + seed + " hash " + Long.toHexString(trace.hash()) + " steps " + r[2] + " virtual ms " + (long) r[3] / 1_000_000 + " real ms " + (System.nanoTime() - t) / 1_000_000 + " " + r[4] + (r[1] == null ? "" : " FAILED " + r[1]));
            if (r[1] != null || Boolean.getBoolean("story")) {
                trace.lines().forEach(l -> System.out.println(l.length() > 400 ? l.substring(0, 400) : l));
                if (r[1] != null) { ((Throwable) r[1]).printStackTrace(System.out); if (!Boolean.getBoolean("go")) return; }
            }
        }
        System.exit(0);
    }
}
