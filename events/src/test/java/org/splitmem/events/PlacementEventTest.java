package org.splitmem.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.splitmem.events.Samples.NOW;
import static org.splitmem.events.Samples.VM;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.splitmem.events.PlacementEvent.Allocation;
import org.splitmem.events.PlacementEvent.Mode;

class PlacementEventTest {
    private static PlacementEvent data(@Nullable Integer generation, List<Allocation> allocations) {
        return new PlacementEvent(
                VM,
                "db1",
                Samples.uuid(9),
                generation,
                "m1",
                "h2",
                Mode.SPLIT,
                4096L,
                1024L,
                allocations,
                "p",
                "u",
                "migration",
                List.of("h3 has 3072 MB free and holds pages already"),
                "req-07e40000-0000-4000-8000-00000000000b");
    }

    @Test
    void eachKindIsValid() {
        var allocations = List.of(new Allocation("h3", 3072));

        Schemas.valid(data(null, allocations).event(PlacementEvent.PLANNED, "m1", NOW));
        Schemas.valid(data(4, allocations).event(PlacementEvent.BOOKED, "", NOW));
        Schemas.valid(data(5, allocations).event(PlacementEvent.CHANGED, "", NOW));
        Schemas.valid(new PlacementEvent(
                        VM,
                        null,
                        Samples.uuid(9),
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        List.of(),
                        null,
                        null,
                        "deleted",
                        null,
                        null)
                .event(PlacementEvent.RELEASED, "5", NOW));
    }

    @Test
    void aStepOfTheConsumerHasOneIdWhoeverTellsIt() {
        var one = data(4, List.of()).event(PlacementEvent.BOOKED, "x", NOW);
        var other = data(4, List.of()).event(PlacementEvent.CHANGED, "x", NOW.plusSeconds(1));

        assertThat(one.id()).isEqualTo(other.id()).isEqualTo(Samples.uuid(9) + "/generation/4/x");
        assertThat(one.source()).isEqualTo(other.source());
        assertThat(data(null, List.of())
                        .event(PlacementEvent.RELEASED, "4", NOW)
                        .id())
                .isEqualTo(Samples.uuid(9) + "/released/4");
    }

    @Test
    void aBookingHasAGeneration() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> data(null, List.of()).event(PlacementEvent.BOOKED, "", NOW))
                .withMessageContaining("generation");
        assertThatIllegalArgumentException().isThrownBy(() -> new Allocation("h3", 0));
    }
}
