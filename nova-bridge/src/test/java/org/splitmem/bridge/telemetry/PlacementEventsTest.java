package org.splitmem.bridge.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.store.Vm;

class PlacementEventsTest {
    private static final Vm ON_H2 = new Vm(new UUID(0, 1), "db1", "h2", 512, 256, "project", "user");

    private static String mode(Map<String, Long> booking) {
        Bookings.Step step = new Bookings.Step(Map.of(), booking, 1);
        return PlacementEvents.changed(ON_H2, null, step, "planned", Instant.EPOCH)
                .data()
                .path("mode")
                .asText("none");
    }

    @Test
    void aVmIsWholeOrSplitUnlessTwoSidesAreBooked() {
        assertThat(mode(Map.of("h2", 256L))).isEqualTo("WHOLE");
        assertThat(mode(Map.of("h3", 256L))).isEqualTo("SPLIT");
        assertThat(mode(Map.of("h2", 256L, "h3", 256L))).isEqualTo("none");
        assertThat(mode(Map.of("h2", 512L))).as("it was its only sub-host").isEqualTo("none");
    }
}
