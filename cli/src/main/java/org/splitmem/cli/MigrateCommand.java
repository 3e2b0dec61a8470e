package org.splitmem.cli;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.migration.Abort;
import org.splitmem.cli.migration.Hypervisor;
import org.splitmem.cli.migration.HypervisorException;
import org.splitmem.cli.migration.JsonLines;
import org.splitmem.cli.migration.LiveLine;
import org.splitmem.cli.migration.MigrationDisplay;
import org.splitmem.cli.migration.MigrationRun;
import org.splitmem.cli.migration.MigrationRun.Outcome;
import org.splitmem.cli.migration.PlainLines;
import org.splitmem.cli.migration.ProgressText;
import org.splitmem.cli.migration.Route;
import org.splitmem.model.DataSize;
import org.splitmem.model.Handover;
import org.splitmem.model.HostStatus;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.Rate;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(
        name = "migrate",
        description = {
            "Migrate a running VM from this host to another one, which becomes its main host, while it runs.",
            "With --sub-host, part of its memory goes directly to those hosts (one-to-N). Without, all of it goes to the "
                    + "destination.",
            "A VM that is split already keeps its sub-hosts, and they what they have, so that only what is on this host moves; with "
                    + "--sub-host it has exactly those afterwards, and with --gather none.",
            "Interrupted (Ctrl-C) before handover, the migration is given up and the VM runs on here."
        })
final class MigrateCommand implements Callable<Integer> {
    @ParentCommand
    private Splitmem splitmem;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "NAME", description = "Name or uuid of the VM.")
    private String vm;

    @Option(
            names = "--to",
            required = true,
            paramLabel = "HOST",
            description = "The new main host ('splitmem hosts' lists them).")
    private String destination;

    @Option(
            names = "--budget",
            paramLabel = "SIZE",
            description = "How much of the VM's RAM may be resident there, as in 64GiB. "
                    + "Default: all; of a VM that is split already, as much as here.")
    private @Nullable DataSize budget;

    @Option(
            names = "--sub-host",
            paramLabel = "SHARE",
            description =
                    "A host that keeps what is over the budget, as h3, or h3=64GiB with how much at most; repeat it for more. "
                            + "Default: an even part. "
                            + "Of a VM that is split already: one that it keeps (without a size), or a new one, to which the pages of those "
                            + "that are not named move once the VM is at the destination.")
    private List<SubHostShare> subHosts = List.of();

    @Option(
            names = "--gather",
            description =
                    "Of a VM that is split: all of it comes to the destination, from this host and its sub-hosts at once, and these are "
                            + "released. Not with --budget or --sub-host.")
    private boolean gather;

    @Option(
            names = "--streams",
            paramLabel = "N",
            description = "Parallel connections to each host, 1-64. Default: splitmemd's.")
    private @Nullable Integer streams;

    @Option(
            names = "--bandwidth",
            paramLabel = "RATE",
            description =
                    "Limit of all connections from this host together, as in 10Gbit or 500MiB/s, and of all from its sub-hosts, if "
                            + "their pages move as well. Default: splitmemd's.")
    private @Nullable Rate bandwidth;

    @Option(
            names = "--handover",
            paramLabel = "HOW",
            description =
                    "hybrid: the VM runs at the destination as soon as it is known which pages are still to come. "
                            + "complete: when all are there (stands still for longer). Default: hybrid.")
    private @Nullable Handover handover;

    @Option(
            names = "--connect",
            paramLabel = "URI",
            defaultValue = "qemu:///system",
            description = "libvirt of this host. Default: ${DEFAULT-VALUE}.")
    private String connect;

    @Option(
            names = "--libvirt-uri",
            paramLabel = "TEMPLATE",
            defaultValue = Route.DEFAULT_LIBVIRT_URI,
            description =
                    "libvirt of the destination, as this host's libvirt reaches it; {host} stands for its address, "
                            + "{name} for its name. Default: ${DEFAULT-VALUE}.")
    private String libvirtUri;

    @Option(
            names = {"-q", "--quiet"},
            description = "Show no progress.")
    private boolean quiet;

    private List<String> emptied = List.of();

    @Override
    public Integer call() throws HypervisorException, InterruptedException {
        if (gather && (budget != null || !subHosts.isEmpty())) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--gather brings all of the VM to the destination: not with --budget or --sub-host");
        }
        MigrationRequest request =
                request(budget == null ? null : budget.bytes()); // wrong options are refused before any host is asked
        ControlClient control = splitmem.control();
        Route route = Route.to(destinationHost(control.hosts()), libvirtUri);
        VmInfo info = control.vm(vm);
        emptied = emptied(info);
        if (gather) {
            request = request(info.ramBytes());
        }
        try (Hypervisor hypervisor = splitmem.surroundings().hypervisors().connect(connect)) {
            hypervisor.requireRunning(info.uuid());
            var run = new MigrationRun(
                    control, hypervisor, display(), splitmem.surroundings().pace());
            try (var interrupt = new OnInterrupt(() -> giveUp(run), splitmem.err())) {
                interrupt.arm();
                return report(run.run(info.uuid(), request, route));
            }
        }
    }

    private static @Nullable String giveUp(MigrationRun run) throws InterruptedException {
        String told = run.abandon();
        return told == null ? null : "interrupted: " + told;
    }

    private MigrationRequest request(@Nullable Long budgetBytes) {
        return Splitmem.checked(
                spec,
                () -> new MigrationRequest(
                        destination,
                        budgetBytes,
                        subHosts,
                        streams,
                        bandwidth == null ? null : bandwidth.bytesPerSecond(),
                        handover));
    }

    private HostStatus destinationHost(List<HostStatus> hosts) {
        HostStatus host = hosts.stream()
                .filter(candidate -> candidate.name().equals(destination))
                .findFirst()
                .orElseThrow(() -> new CommandFailedException("no host " + destination + ": this host knows "
                        + hosts.stream().map(HostStatus::name).collect(Collectors.joining(", "))
                        + " (peers in splitmem.conf, and those that nova-bridge told of)"));
        if (!host.reachable()) {
            throw new CommandFailedException(
                    destination + " at " + host.address() + " is not reachable: " + host.error());
        }
        return host;
    }

    private MigrationDisplay display() {
        if (splitmem.json()) {
            return new JsonLines(splitmem.out(), splitmem.err());
        }
        if (quiet) {
            return MigrationDisplay.SILENT;
        }
        int columns = splitmem.surroundings().columns();
        return columns > 0 ? new LiveLine(splitmem.err(), columns) : new PlainLines(splitmem.err(), System::nanoTime);
    }

    private static boolean isSaid(String error, MigrationInfo info) {
        String reason = String.valueOf(info.reason());
        return reason.contains(error)
                || reason.equals(MigrationRun.reasonOf(error).text()); // which may be shortened
    }

    private void tellWhatFollows(MigrationInfo info) {
        if (gather) {
            splitmem.out()
                    .println("what its sub-hosts still have follows: \"splitmem gather " + info.name() + " --wait\" on "
                            + info.destination() + " shows how far that is");
        }
        if (!emptied.isEmpty()) {
            splitmem.out()
                    .println("what " + String.join(", ", emptied) + " " + (emptied.size() == 1 ? "has" : "have")
                            + " moves to its other sub-hosts: \"splitmem show " + info.name() + "\" on "
                            + info.destination() + " tells how far that is");
        }
    }

    /** Sub-hosts that it is to have no more, although it is not gathered. */
    private List<String> emptied(VmInfo info) {
        List<String> named = subHosts.stream().map(SubHostShare::host).toList();
        return subHosts.isEmpty()
                ? List.of()
                : info.reservedBytes().keySet().stream()
                        .filter(host -> !named.contains(host))
                        .sorted()
                        .toList();
    }

    private static String where(Outcome outcome) {
        MigrationInfo info = outcome.info();
        return outcome.movedAllTheSame()
                ? "; but libvirt says that it has migrated the VM to " + info.destination()
                : Abort.where(info);
    }

    private int report(Outcome outcome) {
        MigrationInfo info = outcome.info();
        String error = outcome.hypervisorError();
        if (info.phase() == MigrationPhase.ABORTED) {
            throw new CommandFailedException(
                    "migration " + info.id() + " of " + info.name() + " aborted: " + info.reason()
                            + (error == null || isSaid(error, info) ? "" : " (" + error + ")") + where(outcome));
        }
        if (info.phase() == MigrationPhase.FAILED_AFTER_HANDOVER) {
            throw new CommandFailedException("migration " + info.id() + " of " + info.name()
                    + " failed after the handover: " + info.reason() + (error == null ? "" : " (" + error + ")"));
        }
        if (!splitmem.json()) {
            splitmem.out().println(ProgressText.summary(info));
            tellWhatFollows(info);
        }
        if (error != null) {
            throw new CommandFailedException(info.name() + " is at " + info.destination() + ", but " + error);
        }
        return 0;
    }
}
