package org.splitmem.bridge.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class MigrationTest {
    /** To h2. */
    private static Migration migration(
            boolean split, boolean whole, Map<String, Long> sourceSide, Map<String, Long> targetSide) {
        return new Migration(
                "id",
                new Vm(new UUID(0, 1), "db1", "h1", 512, 256, "project", "user"),
                "h2",
                Status.PLANNED,
                Map.of(),
                sourceSide,
                targetSide,
                whole,
                split,
                Progress.NONE,
                null,
                null,
                null,
                null,
                false,
                0,
                0,
                null);
    }

    @Test
    void whatIsOnBothSidesOfAWholeVmIsBookedTwice() {
        Migration m = migration(false, false, Map.of("h1", 256L, "h3", 10L), Map.of("h3", 256L));

        assertThat(m.bothSides()).isEqualTo(Map.of("h1", 256L, "h3", 266L));
        assertThat(m.newSubHosts()).isEqualTo(Map.of("h3", 256L));
        assertThat(m.comesToItsSubHost()).isFalse();
    }

    @Test
    void aSubHostThatStaysIsBookedOnce() {
        Migration m = migration(true, false, Map.of("h3", 256L), Map.of("h3", 256L));

        assertThat(m.bothSides()).isEqualTo(Map.of("h3", 256L));
        assertThat(m.newSubHosts()).isEmpty();
        assertThat(m.comesToItsSubHost()).isFalse();
    }

    @Test
    void aSubHostThatIsTheDestinationHasWhatItKeepsAndAllOfIt() {
        Migration m = migration(true, true, Map.of("h2", 100L, "h3", 156L), Map.of("h2", 256L));

        assertThat(m.bothSides()).isEqualTo(Map.of("h2", 356L, "h3", 156L));
        assertThat(m.newSubHosts()).isEmpty();
        assertThat(m.comesToItsSubHost()).isTrue();
    }

    @Test
    void orItKeepsWhatItHasUntilAnotherHasTakenThat() {
        Migration m = migration(true, false, Map.of("h2", 100L, "h3", 156L), Map.of("h3", 156L, "h4", 100L));

        assertThat(m.bothSides()).isEqualTo(Map.of("h2", 100L, "h3", 156L, "h4", 100L));
        assertThat(m.newSubHosts()).isEqualTo(Map.of("h4", 100L));
        assertThat(m.comesToItsSubHost()).isTrue();
    }
}
