package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.migration.Signals.Hypervisor;
import org.splitmem.memory.qmp.QmpEvent;

class SignalsTest {
    private final Signals signals = new Signals();

    @BeforeEach
    void leaveRamOut() {
        signals.expect(true);
    }

    @Test
    void theHypervisorsMigrationIsFollowedToItsEnd() {
        assertThat(signals.hypervisor()).isEqualTo(Hypervisor.IDLE);

        migration("setup");
        assertThat(signals.hypervisor()).isEqualTo(Hypervisor.ACTIVE);
        migration("active");
        event("STOP", 1_000);
        migration("pre-switchover");
        assertThat(signals.hypervisor()).isEqualTo(Hypervisor.SWITCHOVER);
        migration("device");
        assertThat(signals.hypervisor()).isEqualTo(Hypervisor.SWITCHOVER);
        migration("completed");

        assertThat(signals.hypervisor()).isEqualTo(Hypervisor.COMPLETED);
        assertThat(signals.stoppedUs()).isEqualTo(1_000);
        assertThat(signals.resumedHere()).isFalse();
    }

    @Test
    void aGuestThatResumesAfterItWasStoppedStaysHere() {
        migration("active");
        event("STOP", 1_000);
        migration("pre-switchover");

        event("RESUME", 2_000);

        assertThat(signals.resumedHere()).isTrue();
    }

    @Test
    void aResumeWithoutAStopMeansNothing() {
        event("RESUME", 2_000);

        assertThat(signals.resumedHere()).isFalse();
    }

    @Test
    void aGuestThatSomebodyStopsAndResumesMeanwhileIsStillMigrating() {
        migration("active");
        event("STOP", 1_000);

        event("RESUME", 2_000);

        assertThat(signals.resumedHere()).isFalse();
        assertThat(signals.hypervisor()).isEqualTo(Hypervisor.ACTIVE);
    }

    /** As of virsh save: RAM is in its stream, and it is none of our business. */
    @Test
    void aMigrationThatTakesTheRamAlongIsNotOurs() {
        signals.expect(false);

        migration("setup");
        migration("active");
        event("STOP", 1_000);
        migration("completed");

        assertThat(signals.hypervisor()).isEqualTo(Hypervisor.IDLE);
    }

    @Test
    void aFailedMigrationCanBeFollowedByAnother() {
        migration("active");
        migration("failed");
        assertThat(signals.hypervisor()).isEqualTo(Hypervisor.FAILED);

        migration("setup");

        assertThat(signals.hypervisor()).isEqualTo(Hypervisor.ACTIVE);
    }

    @Test
    void theFirstReasonToAbortIsKept() {
        signals.abort("first");
        signals.abort("second");

        assertThat(signals.abortReason()).isEqualTo("first");
    }

    @Test
    void waitingEndsWhenTheTestHoldsOrTheTimeIsOver() {
        assertThat(signals.await(() -> true, 0)).isTrue();
        assertThat(signals.await(() -> false, 1)).isFalse();
    }

    private void migration(String status) {
        signals.onQmp(new QmpEvent("MIGRATION", status, 0));
    }

    private void event(String name, long us) {
        signals.onQmp(new QmpEvent(name, "", us));
    }
}
