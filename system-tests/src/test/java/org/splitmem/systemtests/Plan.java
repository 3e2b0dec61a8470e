package org.splitmem.systemtests;

import java.util.ArrayList;
import java.util.List;

/**
 * One row of the matrix of split migrations.
 *
 * @param numaCells 0 for none
 * @param idle the guest only verifies its memory
 * @param budgetPercent of the RAM that may be on the destination
 * @param options of the CLI beside --budget and --sub-host
 */
record Plan(
        int memoryMib, int vcpus, int numaCells, boolean idle, int budgetPercent, int subHosts, List<String> options) {
    Plan(int memoryMib, int vcpus, int numaCells, boolean idle, int budgetPercent, int subHosts, String... options) {
        this(memoryMib, vcpus, numaCells, idle, budgetPercent, subHosts, List.of(options));
    }

    /** A few that differ in everything. */
    static List<Plan> few() {
        return List.of(
                new Plan(256, 1, 0, false, 50, 1),
                new Plan(384, 2, 2, false, 25, 3, "--handover", "complete"),
                new Plan(512, 1, 0, true, 75, 2, "--bandwidth", "80MiB/s"),
                new Plan(256, 2, 0, false, 100, 1, "--streams", "1"));
    }

    /** Thirty: every size, number of sub-hosts, budget and load, in combinations that repeat as late as possible. */
    static List<Plan> many() {
        int[] sizes = {256, 1024, 512, 2048, 384, 1024, 256, 4096, 512, 768};
        int[] budgets = {25, 50, 75, 100, 33, 60};
        List<Plan> plans = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            int vcpus = 1 + (i / 3) % 2;
            List<String> options = switch (i % 7) {
                case 2 -> List.of("--handover", "complete");
                case 4 -> List.of("--bandwidth", "150MiB/s");
                case 6 -> List.of("--streams", "2");
                default -> List.of();
            };
            plans.add(new Plan(
                    sizes[i % 10],
                    vcpus,
                    vcpus == 2 && i % 4 == 0 ? 2 : 0,
                    (i + i / 10) % 2 == 1,
                    budgets[(i + i / 6) % 6],
                    1 + i % 3,
                    options));
        }
        return plans;
    }

    Guest.Spec guest(String name) {
        int used = memoryMib * 3 / 5;
        // Large guests more slowly: what is verified in a second is bounded by the emulator and by paging.
        int sweepSeconds = Math.max(2, memoryMib / 256);
        String load = (idle ? "idle=1" : "hot=0.1") + " mb=" + used + " sweep=" + sweepSeconds;
        return Guest.Spec.named(name)
                .memory(memoryMib)
                .vcpus(vcpus)
                .numaCells(numaCells)
                .workload(load);
    }

    long budgetBytes() {
        return ((long) memoryMib << 20) * budgetPercent / 100 & -4096L;
    }

    /** The first of them next to the destination. */
    List<String> lenders() {
        return List.of("h3", "h4", "h5").subList(0, subHosts);
    }

    List<String> arguments() {
        List<String> arguments = new ArrayList<>(List.of("--budget", Long.toString(budgetBytes())));
        lenders().forEach(host -> arguments.addAll(List.of("--sub-host", host)));
        arguments.addAll(options);
        return arguments;
    }

    @Override
    public String toString() {
        return memoryMib + " MiB, " + vcpus + " vCPUs" + (numaCells > 0 ? " in " + numaCells + " cells" : "") + ", "
                + (idle ? "idle" : "busy") + ", budget " + budgetPercent + " %, " + subHosts + " sub-hosts"
                + (options.isEmpty() ? "" : " " + String.join(" ", options));
    }
}
