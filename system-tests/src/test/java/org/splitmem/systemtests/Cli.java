package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.splitmem.model.HostStatus;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.VmInfo;

/** The command {@code splitmem}, run on a host as its operator would. */
final class Cli {
    private final Cluster cluster;
    private final String host;

    Cli(Cluster cluster, String host) {
        this.cluster = cluster;
        this.host = host;
    }

    private static String[] command(List<String> arguments) {
        List<String> command = new ArrayList<>(List.of("splitmem", "--json"));
        command.addAll(arguments);
        return command.toArray(String[]::new);
    }

    /** To be interrupted: a shell's background job, as this JVM may be, has Ctrl-C ignored, and would hand that on. */
    Job start(String... arguments) {
        List<String> command = new ArrayList<>(List.of("env", "--default-signal=INT"));
        command.addAll(List.of(command(List.of(arguments))));
        return cluster.start(host, command.toArray(String[]::new));
    }

    Job.Result run(String... arguments) {
        return cluster.exec(host, command(List.of(arguments)));
    }

    String require(String... arguments) {
        Job.Result result = run(arguments);
        assertThat(result.exitCode())
                .as("splitmem %s: %s", List.of(arguments), result.err())
                .isZero();
        return result.out();
    }

    VmInfo show(String vm) {
        return Json.read(require("show", vm), VmInfo.class);
    }

    List<VmInfo> vms() {
        return require("vms").lines().map(line -> Json.read(line, VmInfo.class)).toList();
    }

    List<HostStatus> hosts() {
        return require("hosts")
                .lines()
                .map(line -> Json.read(line, HostStatus.class))
                .toList();
    }

    VmInfo budget(String vm, String size) {
        return Json.read(require("budget", vm, size), VmInfo.class);
    }

    /** Returns when it is whole. */
    void gather(String vm) {
        require("gather", vm, "--wait");
    }

    MigrationInfo abort(String which) {
        return Json.read(require("abort", which), MigrationInfo.class);
    }

    MigrationInfo complete(String which) {
        return Json.read(require("complete", which), MigrationInfo.class);
    }

    VmInfo split(String vm, String... options) {
        List<String> arguments = new ArrayList<>(List.of("split", vm));
        arguments.addAll(List.of(options));
        return Json.read(require(arguments.toArray(String[]::new)), VmInfo.class);
    }

    /** Starts a migration of a guest that is here; the caller closes the job. */
    Job startMigration(Guest guest, String to, String... options) {
        return start(migrateArguments(guest, to, options));
    }

    private static String[] migrateArguments(Guest guest, String to, String... options) {
        List<String> arguments = new ArrayList<>(List.of("migrate", guest.name(), "--to", to));
        arguments.addAll(List.of(options));
        return arguments.toArray(String[]::new);
    }

    /** Migrates a guest that is here, which has to succeed; the guest is at the destination then. @return how it ended */
    MigrationInfo migrate(Guest guest, String to, Duration limit, String... options) {
        try (Job job = startMigration(guest, to, options)) {
            Job.Result result = job.await(limit);
            assertThat(result.exitCode())
                    .as("splitmem migrate %s --to %s %s: %s", guest.name(), to, List.of(options), result.err())
                    .isZero();
            guest.isAt(to);
            MigrationInfo last = lastLine(result.out());
            assertThat(last.phase()).isEqualTo(MigrationPhase.DONE);
            return last;
        }
    }

    /** The last state that a migration's progress display has printed. */
    static MigrationInfo lastLine(String out) {
        List<String> lines = out.lines().toList();
        assertThat(lines).as("progress lines").isNotEmpty();
        return Json.read(lines.get(lines.size() - 1), MigrationInfo.class);
    }
}
