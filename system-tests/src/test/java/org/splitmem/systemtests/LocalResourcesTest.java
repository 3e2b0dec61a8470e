package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A host that has run out of something: what needs it waits, /healthz says so, and all goes on once there is some again. */
@SystemTest
final class LocalResourcesTest {
    private static final Duration LIMIT = SplitVm.LIMIT;
    /** Enough for what still goes on, and for records; far less than the guest is to get. */
    private static final long SPARE_KIB = 16 << 10;

    private static final String MEMORY = "/var/lib/splitmem/mem";

    private final Testbed bed;
    private Guest guest;
    private String limit = "";

    LocalResourcesTest(Testbed bed) {
        this.bed = bed;
    }

    @BeforeEach
    void split() {
        guest = SplitVm.of(bed, "short");
    }

    @AfterEach
    void thereIsEnoughAgain() {
        resizeMemory("100%");
        if (!limit.isEmpty()) {
            limitDescriptors(limit);
            limit = "";
        }
    }

    private void resizeMemory(String size) {
        Job.Result result = tryToResizeMemory(size);
        assertThat(result.exitCode()).as(result.err()).isZero();
    }

    private Job.Result tryToResizeMemory(String size) {
        return bed.cluster().exec(guest.host(), "mount", "-o", "remount,size=" + size, MEMORY);
    }

    /** A little more than what is used is left. Less than that is refused, and the guest goes on paging. */
    private void shrinkMemory() {
        Await.until("it is as small as it can be", LIMIT, () -> {
            long usedKib = Long.parseLong(bed.cluster()
                    .lines(guest.host(), "df", "-k", "--output=used", MEMORY)
                    .get(1)
                    .strip());
            return tryToResizeMemory(usedKib + SPARE_KIB + "k").exitCode() == 0;
        });
    }

    /** Until then it may take up what is left, and more, before anybody asks: there is no room to write down another budget then. */
    private void awaitFullBudget() {
        Await.value(
                "it has what its budget allows",
                LIMIT,
                guest::info,
                info -> info.budgetBytes() - info.residentBytes() < SPARE_KIB / 2 * 1024);
    }

    private void limitDescriptors(String to) {
        Job.require(List.of("prlimit", "--pid", Long.toString(daemon()), "--nofile=" + to + ":"));
    }

    private long daemon() {
        return bed.cluster().pid(guest.host(), "splitmemd");
    }

    private String health() {
        return bed.cluster()
                .exec(
                        guest.host(),
                        "curl",
                        "-sS",
                        "--max-time",
                        "5",
                        "--unix-socket",
                        "/run/splitmem/splitmemd.sock",
                        "http://localhost/healthz")
                .out();
    }

    @Test
    void pagesFindNoRoomUntilThereIsSome() {
        awaitFullBudget();
        shrinkMemory();
        bed.cli(guest.host()).budget(guest.name(), "240MiB"); // it is to hold more than there is room for

        guest.awaitStandstill();
        Await.until(
                "it is said why",
                LIMIT,
                () -> health().contains("finds no room in memory.directory")
                        || health().contains("cannot be answered yet"));
        resizeMemory("100%");

        guest.awaitProgress();
        guest.verifyAll();
        Await.until("all is well again", LIMIT, () -> health().equals("ok\n"));
    }

    @Test
    void connectionsFindNoDescriptorUntilThereAreSome() throws Exception {
        String before = Job.require(List.of(
                        "prlimit", "--pid", Long.toString(daemon()), "--nofile", "--noheadings", "--output=SOFT"))
                .strip();
        limit = before;
        limitDescriptors(Long.toString(descriptors()));
        String other = guest.host().equals("h1") ? "h2" : "h1";
        Path log = bed.cluster().daemonLog(guest.host());
        try (Job many = bed.cluster().start(other, "bash", "-c", connect())) {
            Await.until("it is said", LIMIT, () -> Cluster.read(log).contains("accepting on the data port fails"));

            long lines = lines(log);
            guest.awaitSweeps(1, LIMIT);
            assertThat(lines(log) - lines).as("lines logged meanwhile").isLessThan(20);
            limitDescriptors(before);

            Await.until("all is well again", LIMIT, () -> health().equals("ok\n"));
            assertThat(many.isRunning()).isTrue(); // none of its connections was refused
        }
        guest.verifyAll();
    }

    /** More connections than a daemon has descriptors left: below the highest in use some are free. */
    private String connect() {
        return "for i in {1..100}; do exec {fd}<>/dev/tcp/" + Cluster.address(guest.host()) + "/7780; done; sleep 600";
    }

    private long descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/" + daemon() + "/fd"))) {
            return all.count();
        }
    }

    private static long lines(Path file) {
        return Cluster.read(file).lines().count();
    }
}
