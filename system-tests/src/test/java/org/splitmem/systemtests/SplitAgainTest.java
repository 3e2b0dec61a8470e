package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.splitmem.cli.control.ControlException;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** A split VM ends, and is started by someone that knows nothing of splits, as Nova's soft reboot does. */
@SystemTest
final class SplitAgainTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final long BUDGET = 128L << 20;

    private final Testbed bed;

    SplitAgainTest(Testbed bed) {
        this.bed = bed;
    }

    private Guest split(String name) {
        Guest guest = bed.boot(Guest.Spec.named(name).vcpus(2).numaCells(2), "h1");
        bed.cli("h1").split(guest.name(), "--budget", "128MiB", "--sub-host", "h3", "--sub-host", "h4");
        Await.value("it is within its budget", LIMIT, guest::info, info -> info.residentBytes() <= BUDGET + (4L << 20));
        return guest;
    }

    /** A host that boots in between has nothing but its disk. */
    @Test
    void itIsSplitAgainFromItsFirstPageAlsoAfterTheHostsBoot() {
        Guest guest = split("again");
        long epoch = guest.info().epoch();

        guest.end();
        Await.value("it is known how it was", LIMIT, guest::info, info -> info.state() == VmState.DEFINED);
        bed.requireNothingElse(); // nothing is reserved meanwhile
        Await.value( // after its sub-hosts have said so
                "nothing is reserved for it",
                LIMIT,
                guest::info,
                info -> info.reservedBytes().isEmpty());
        guest.startAgain();

        VmInfo born = guest.info();
        assertThat(born.state()).isEqualTo(VmState.SPLIT);
        assertThat(born.residentBytes()).isLessThan(BUDGET);
        assertThat(born.remoteBytes()).containsOnlyKeys("h3", "h4");
        assertThat(born.epoch()).isGreaterThan(epoch);
        guest.awaitReady();
        Await.value("it is within its budget", LIMIT, guest::info, info -> info.residentBytes() <= BUDGET + (4L << 20));
        guest.verifyAll();

        guest.end();
        bed.cluster().killDaemon("h1");
        bed.cluster().exec("h1", "sh", "-c", "rm -rf /var/lib/splitmem/mem/*");
        bed.cluster().startDaemon("h1");
        assertThat(guest.info().state()).isEqualTo(VmState.DEFINED);
        guest.startAgain();

        assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);
        guest.awaitReady();
        guest.verifyAll();
    }

    @Test
    void withoutASubHostItDoesNotStartAndForgottenItStartsWhole() {
        Guest guest = split("refused");
        guest.end();
        bed.cluster().stopDaemon("h4");

        Job.Result start = guest.tryToStart();

        assertThat(start.exitCode()).isNotZero();
        assertThat(start.err()).contains("h4");
        assertThat(bed.cluster().qemus("h1")).isEmpty();
        bed.cluster().startDaemon("h4");
        Await.value("it is known how it was", LIMIT, guest::info, info -> info.state() == VmState.DEFINED);
        bed.requireNothingElse();

        assertThat(bed.cli("h1").run("forget", guest.name()).exitCode()).isZero();
        guest.startAgain();
        guest.awaitReady();
        assertThat(guest.info().state()).isEqualTo(VmState.LOCAL);
        assertThatThrownBy(() -> bed.cluster().control("h1").forget(guest.uuid()))
                .isInstanceOfSatisfying(
                        ControlException.class,
                        e -> assertThat(e.refusal().code()).isEqualTo("not-expected"));
    }

    @Test
    void whatWouldExceedTheHostsLimitDoesNotStart() {
        Guest guest = split("limited");
        guest.end();
        bed.cluster().configure("h1", "memory.guest-limit = 64MiB");
        try {
            Job.Result start = guest.tryToStart();

            assertThat(start.exitCode()).isNotZero();
            assertThat(start.err()).contains("guests may take 64.0 MiB of this host", "memory.guest-limit");
            bed.cli("h1").run("forget", guest.name());
            assertThat(guest.tryToStart().err()).contains("guests may take 64.0 MiB of this host");
            assertThat(bed.cluster().qemus("h1")).isEmpty();
        } finally {
            bed.cluster().configure("h1", "");
        }
        guest.startAgain();
        guest.awaitReady();
    }
}
