package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.splitmem.cli.control.ControlException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** A VM is split before its guest has run for a second, since somebody said so before it was started. */
@SystemTest
final class BornSplitTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final long RAM = 256L << 20;
    private static final long BUDGET = 128L << 20;

    private final Testbed bed;

    BornSplitTest(Testbed bed) {
        this.bed = bed;
    }

    private VmInfo expect(Guest guest) {
        return bed.cluster()
                .control("h1")
                .split(
                        guest.uuid(),
                        new SplitRequest(
                                guest.name(),
                                RAM,
                                BUDGET,
                                List.of(new SubHostShare("h3", null), new SubHostShare("h4", null))));
    }

    private VmInfo expected(Guest guest) {
        return bed.cli("h1").vms().stream()
                .filter(vm -> vm.uuid().equals(guest.uuid()))
                .findFirst()
                .orElseThrow();
    }

    private long lenders() {
        return bed.cli("h1").hosts().stream()
                .filter(host -> host.info() != null && host.info().lentBytes() > 0)
                .count();
    }

    /** Its RAM comes in two backends; the daemon that was asked is not the one that it comes to. */
    @Test
    void itIsSplitWhenItStarts() {
        Guest guest = bed.start(Guest.Spec.named("born").vcpus(2).numaCells(2), "h1", unborn -> {
            VmInfo answer = expect(unborn);
            assertThat(answer.state()).isEqualTo(VmState.EXPECTED);
            assertThat(answer.remoteBytes()).containsOnlyKeys("h3", "h4");
            bed.cluster().killDaemon("h1");
            bed.cluster().startDaemon("h1");
            assertThat(expected(unborn).state()).isEqualTo(VmState.EXPECTED);
            assertThat(lenders()).isEqualTo(2);
        });

        guest.awaitState(VmState.SPLIT, Duration.ofSeconds(10));
        guest.awaitReady();
        Await.value("it is within its budget", LIMIT, guest::info, info -> info.residentBytes() <= BUDGET + (4L << 20));
        guest.verifyAll();
        assertThat(guest.info().faults().pageOuts()).isPositive();
        assertThat(guest.info().faults().pageIns()).isPositive();
        assertThat(bed.cli("h1").vms()).hasSize(1);
        bed.requireNothingElse(guest);
    }

    @Test
    void takenBackItStartsWholeAndNothingIsReserved() {
        Guest guest = bed.start(Guest.Spec.named("unsplit"), "h1", unborn -> {
            expect(unborn);
            assertThat(lenders()).isEqualTo(2);

            bed.cluster().control("h1").forget(unborn.uuid());

            bed.requireNothingElse();
            assertThatThrownBy(() -> bed.cluster().control("h1").forget(unborn.uuid()))
                    .isInstanceOfSatisfying(
                            ControlException.class,
                            e -> assertThat(e.refusal().code()).isEqualTo("not-expected"));
        });

        guest.awaitReady();
        assertThat(guest.info().state()).isEqualTo(VmState.LOCAL);
        guest.verifyAll();
    }
}
