package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.splitmem.cli.control.ControlException;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** A running guest whose workload writes and verifies its memory all the time, see devstack/guest/memload.c. */
final class Guest {
    private static final Pattern REPORT =
            Pattern.compile("T ([0-9.]+) ops/s ([0-9]+) bad ([0-9]+) verified ([0-9]+) sweep ([0-9]+)");
    private static final long STANDSTILL_NS = 2_000_000_000L;
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(5);
    private static final Duration USUAL_LIMIT = Duration.ofMinutes(3);

    private final Cluster cluster;
    private final Spec spec;
    private final Path serial;
    private final Path xml;
    private final String uuid = UUID.randomUUID().toString();
    private String host;

    /**
     * What to boot.
     *
     * @param name of the domain
     * @param numaCells 0 for none
     * @param workload arguments of memload
     * @param splitReady false for an ordinary VM
     * @param balloon with free page reporting and deflate-on-OOM
     * @param files name of its files on this machine
     */
    record Spec(
            String name,
            int memoryMib,
            int vcpus,
            int numaCells,
            String workload,
            boolean splitReady,
            boolean balloon,
            String files) {
        /** 256 MiB, of which the guest writes and verifies 144, each byte every two seconds or so. */
        static Spec named(String name) {
            return new Spec(name, 256, 1, 0, "mb=144 hot=0.1 sweep=2", true, false, name);
        }

        Spec memory(int mib) {
            return new Spec(name, mib, vcpus, numaCells, workload, splitReady, balloon, files);
        }

        Spec vcpus(int n) {
            return new Spec(name, memoryMib, n, numaCells, workload, splitReady, balloon, files);
        }

        Spec numaCells(int n) {
            return new Spec(name, memoryMib, vcpus, n, workload, splitReady, balloon, files);
        }

        Spec workload(String arguments) {
            return new Spec(name, memoryMib, vcpus, numaCells, arguments, splitReady, balloon, files);
        }

        Spec ordinary() {
            return new Spec(name, memoryMib, vcpus, numaCells, workload, false, balloon, files);
        }

        Spec withBalloon() {
            return new Spec(name, memoryMib, vcpus, numaCells, workload, splitReady, true, files);
        }

        /** For a second domain of the same name. */
        Spec files(String other) {
            return new Spec(name, memoryMib, vcpus, numaCells, workload, splitReady, balloon, other);
        }
    }

    /** One line of the workload. */
    record Report(double seconds, long opsPerSecond, long bad, long verifiedPages, long sweeps) {}

    private Guest(Cluster cluster, Spec spec, String host) {
        this.cluster = cluster;
        this.spec = spec;
        this.serial = cluster.file("guest/" + spec.files() + ".log");
        this.xml = cluster.file("guest/" + spec.files() + ".xml");
        this.host = host;
    }

    /** Starts it; it is not {@link #awaitReady ready} yet. */
    static Guest start(Cluster cluster, Spec spec, String host) {
        return start(cluster, spec, host, guest -> {});
    }

    /** @param before told of it before it starts */
    static Guest start(Cluster cluster, Spec spec, String host, Consumer<Guest> before) {
        Guest guest = new Guest(cluster, spec, host);
        before.accept(guest);
        try {
            Files.deleteIfExists(guest.serial);
            Files.writeString(guest.xml, Job.require(guest.domainCommand()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Job.Result created = cluster.virsh(host, "create", guest.xml.toString());
        assertThat(created.exitCode()).as("virsh create: %s", created.err()).isZero();
        return guest;
    }

    private List<String> domainCommand() {
        List<String> command = new ArrayList<>(List.of(
                "env",
                "SPLITMEM_DEVSTACK_STATE=" + cluster.file(""),
                cluster.devstack("guest/domain.sh").toString(),
                "--name",
                spec.name(),
                "--memory",
                Integer.toString(spec.memoryMib()),
                "--vcpus",
                Integer.toString(spec.vcpus()),
                "--numa",
                Integer.toString(spec.numaCells()),
                "--workload",
                spec.workload(),
                "--serial",
                serial.toString(),
                "--uuid",
                uuid));
        if (spec.splitReady()) {
            command.add("--split-ready");
        }
        if (spec.balloon()) {
            command.add("--balloon");
        }
        return command;
    }

    String uuid() {
        return uuid;
    }

    /** Its definition, as it was started from. */
    Path xml() {
        return xml;
    }

    String name() {
        return spec.name();
    }

    Spec spec() {
        return spec;
    }

    /** Where it runs now, as far as the test knows. */
    String host() {
        return host;
    }

    void isAt(String newHost) {
        host = newHost;
    }

    // ---- its workload

    /** Booted, and all its memory filled. */
    Guest awaitReady() {
        Await.until(name() + " has filled its memory", BOOT_LIMIT, () -> {
            requireNothingBroken();
            return console().contains("READY pages=") && reports() > 0;
        });
        return this;
    }

    private String console() {
        return Cluster.read(serial).replace("\r", "");
    }

    private long reports() {
        return REPORT.matcher(console()).results().count();
    }

    /** The newest whole line. */
    Report report() {
        Matcher matcher = REPORT.matcher(console());
        Report newest = null;
        while (matcher.find()) {
            newest = new Report(
                    Double.parseDouble(matcher.group(1)),
                    Long.parseLong(matcher.group(2)),
                    Long.parseLong(matcher.group(3)),
                    Long.parseLong(matcher.group(4)),
                    Long.parseLong(matcher.group(5)));
        }
        if (newest == null) {
            throw new IllegalStateException(name() + " has not reported yet");
        }
        return newest;
    }

    long opsPerSecond() {
        return report().opsPerSecond();
    }

    long bad() {
        return report().bad();
    }

    /** Fails at once on what no waiting can mend. */
    private void requireNothingBroken() {
        String console = console();
        for (String broken : List.of("BAD page", "FAILED memload", "memload ended", "Kernel panic", "Call Trace")) {
            int at = console.indexOf(broken);
            if (at >= 0) {
                throw new BrokenGuest(name() + ": " + console.substring(at, Math.min(console.length(), at + 400)));
            }
        }
    }

    /** Not an exception of the kind that {@link Await} takes for "not yet". */
    static final class BrokenGuest extends AssertionError {
        BrokenGuest(String what) {
            super(what);
        }
    }

    /** It works: a new report comes. */
    void awaitProgress() {
        awaitProgress(USUAL_LIMIT);
    }

    void awaitProgress(Duration limit) {
        double before = report().seconds();
        Await.until(name() + " on " + host + " goes on", limit, () -> {
            requireNothingBroken();
            return report().seconds() > before + 0.9;
        });
    }

    /** Its vCPU waits for a page: no report for four times as long as they take to come. */
    void awaitStandstill() {
        long[] seen = {reports(), System.nanoTime()};
        Await.until(name() + " on " + host + " stands still", USUAL_LIMIT, () -> {
            long now = reports();
            if (now != seen[0]) {
                seen[0] = now;
                seen[1] = System.nanoTime();
            }
            return System.nanoTime() - seen[1] > STANDSTILL_NS;
        });
    }

    /** Every byte, as it is from now on, verified by the guest: two sweeps end, as the first may be half over. */
    void verifyAll() {
        verifyAll(USUAL_LIMIT);
    }

    void verifyAll(Duration limit) {
        awaitSweeps(2, limit);
        assertThat(bad()).as("corrupt blocks in %s", name()).isZero();
    }

    void awaitSweeps(long more, Duration limit) {
        long before = report().sweeps();
        Await.until(name() + " on " + host + " verifies all of its memory " + more + " times", limit, () -> {
            requireNothingBroken();
            return report().sweeps() >= before + more;
        });
    }

    /** How often it has given back to its kernel what its workload's free= takes. */
    long timesFreed() {
        return console().lines().filter(line -> line.startsWith("FREED ")).count();
    }

    // ---- as its host knows it

    /** As the daemon says, asked over its socket: for polling. */
    VmInfo info() {
        return cluster.control(host).vm(name());
    }

    void awaitState(VmState state, Duration limit) {
        Await.value(name() + " is " + state + " on " + host, limit, this::info, info -> info.state() == state);
    }

    boolean isRunningOn(String where) {
        Job.Result result = cluster.virsh(where, "domstate", uuid);
        return result.succeeded() && result.out().strip().equals("running");
    }

    /** Whether libvirt has it there, in whatever state: one whose QEMU has ended is not gone yet, and cannot be made anew. */
    boolean isKnownOn(String where) {
        return cluster.virsh(where, "domstate", uuid).succeeded();
    }

    /** Ends it where it runs; it can be started again. */
    void end() {
        Job.Result ended = cluster.virsh(host, "destroy", uuid);
        assertThat(ended.exitCode()).as("virsh destroy: %s", ended.err()).isZero();
    }

    /** The same domain once more, by a QEMU of its own. */
    Job.Result tryToStart() {
        try {
            Files.deleteIfExists(serial);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return cluster.virsh(host, "create", xml.toString());
    }

    void startAgain() {
        Job.Result created = tryToStart();
        assertThat(created.exitCode()).as("virsh create: %s", created.err()).isZero();
    }

    /** Ends it wherever it runs, and wherever parts of it are. */
    void destroy() {
        for (String where : cluster.hosts()) {
            if (cluster.virsh(where, "list", "--all", "--uuid").out().contains(uuid)) {
                cluster.virsh(where, "destroy", uuid);
            }
            forget(where);
        }
    }

    /** How it was split there, if it was. Where a test has ended the daemon, it cannot be asked. */
    private void forget(String where) {
        if (!spec.splitReady() || !cluster.isRunning(where, "splitmemd")) {
            return;
        }
        try {
            cluster.control(where).forget(uuid);
        } catch (ControlException e) {
            assertThat(e.refusal().code()).as(e.getMessage()).isEqualTo("not-expected");
        }
    }
}
