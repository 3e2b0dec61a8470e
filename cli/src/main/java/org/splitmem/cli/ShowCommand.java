package org.splitmem.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.migration.ProgressText;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.PlainText;
import org.splitmem.model.VmInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "show", description = "Show where a VM's memory is, and how its paging goes.")
final class ShowCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "NAME", description = "Name or uuid of the VM.")
    private String vm;

    @Override
    public void run() {
        ControlClient control = splitmem.control();
        VmInfo info = control.vm(vm);
        if (splitmem.json()) {
            splitmem.out().println(Json.write(info));
        } else {
            print(info, migration(control, info));
        }
    }

    /** That which runs, of a VM that is here. */
    private static @Nullable MigrationInfo migration(ControlClient control, VmInfo vm) {
        return switch (vm.state()) {
            case LOCAL, SPLIT, OUTGOING, GONE ->
                control.migrations().stream()
                        .filter(one ->
                                one.vm().equals(vm.uuid()) && !one.phase().isOver())
                        .findFirst()
                        .orElse(null);
            case INCOMING, EXPECTED, DEFINED, FROZEN -> null;
        };
    }

    private void print(VmInfo vm, @Nullable MigrationInfo migration) {
        long ram = vm.ramBytes();
        line("name", vm.name());
        line("uuid", vm.uuid());
        line("state", vm.state().name().toLowerCase(Locale.ROOT) + ", epoch " + vm.epoch());
        if (migration != null) {
            line("migrates", ProgressText.brief(migration));
        }
        line("RAM", Text.size(ram));
        line("budget", Text.sizeAndShare(vm.budgetBytes(), ram));
        line("resident", Text.sizeAndShare(vm.residentBytes(), ram));
        new TreeMap<>(vm.remoteBytes()).forEach((host, bytes) -> line("on " + host, Text.sizeAndShare(bytes, ram)));
        GatherInfo gather = vm.gather();
        if (gather != null) {
            line("gathered", Progress.of(gather));
        }
        vm.moves().forEach(move -> line("moving", Progress.of(move)));
        line("zero", Text.sizeAndShare(vm.zeroBytes(), ram));
        Long workingSet = vm.workingSetBytes();
        line("working set", workingSet == null ? "not known yet" : Text.sizeAndShare(workingSet, ram));
        FaultCounts faults = vm.faults();
        line("page-ins", faults.pageIns() + ", of which " + faults.readAheadPages() + " read ahead");
        line("page-outs", Long.toString(faults.pageOuts()));
        line("other faults", faults.zeroFills() + " zero-filled, " + faults.minor() + " resident but unmapped");
        line("page-in time", Text.latencies(vm.pageInUs()));
        String obstacle = vm.obstacle();
        if (obstacle != null) {
            line("stays here", obstacle);
        }
    }

    private void line(String what, String value) {
        PrintWriter out = splitmem.out();
        out.printf(Locale.ROOT, "%-14s%s%n", PlainText.line(what), PlainText.line(value));
    }
}
