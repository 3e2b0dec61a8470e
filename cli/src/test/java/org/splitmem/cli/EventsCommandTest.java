package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.splitmem.events.Event;
import org.splitmem.events.MigrationEvents;
import org.splitmem.events.PlacementEvent;
import org.splitmem.events.VmEvent;
import org.splitmem.events.paging.PagingSample;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.VmInfo;

class EventsCommandTest {
    private static final Instant NOW = Instant.parse("2026-11-21T12:00:00.250Z");
    private final Cli cli = new Cli();

    private static List<String> lines(List<Event> events) {
        return events.stream().map(EventText::line).toList();
    }

    @Test
    void aMigrationIsALineForEachStep() {
        assertThat(lines(MigrationEvents.between(
                        Infos.migration(MigrationPhase.PRECOPY), Infos.migration(MigrationPhase.SWITCHOVER), NOW)))
                .containsExactly(
                        "2026-11-21T12:00:00.250Z  vm1  migration h1 -> h2, ready",
                        "2026-11-21T12:00:00.250Z  vm1  migration h1 -> h2, switchover, 156.0 MiB of 400.0 MiB left");
        assertThat(lines(MigrationEvents.between(
                        Infos.migration(MigrationPhase.HANDOVER), Infos.migration(MigrationPhase.DONE), NOW)))
                .containsExactly(
                        "2023-11-14T22:13:32.300Z  vm1  migration h1 -> h2, done, 0 B of 400.0 MiB left, downtime 82 ms");
        assertThat(lines(MigrationEvents.between(
                        Infos.migration(MigrationPhase.READY),
                        Infos.migration(MigrationPhase.ABORTED, "h3 died"),
                        NOW)))
                .singleElement()
                .asString()
                .endsWith("migration h1 -> h2, aborted, 156.0 MiB of 400.0 MiB left, h3 died");
    }

    @Test
    void aBookingSaysWhatIsWhere() {
        var data = new PlacementEvent(
                Infos.UUID,
                null,
                Infos.UUID,
                4,
                null,
                "h2",
                PlacementEvent.Mode.SPLIT,
                4096L,
                1024L,
                List.of(new PlacementEvent.Allocation("h3", 2048), new PlacementEvent.Allocation("h4", 1024)),
                null,
                null,
                "cold-start",
                null,
                null);

        assertThat(EventText.line(data.event(PlacementEvent.BOOKED, "", NOW)))
                .isEqualTo("2026-11-21T12:00:00.250Z  " + Infos.UUID
                        + "  placement booked: 2048 MB on h3 + 1024 MB on h4 (cold-start)");
    }

    @Test
    void aSampleIsASentence() {
        VmInfo after = Infos.vm();
        var histogram = new LatencyHistogram(10, 2500, List.of(new LatencyHistogram.Bucket(100_000, 9)));
        Event event = PagingSample.between(
                        new PagingSample.Reading("h2", NOW, with(after, FaultCounts.NONE, LatencyHistogram.NONE)),
                        new PagingSample.Reading("h2", NOW.plusSeconds(10), with(after, after.faults(), histogram)),
                        Duration.ofSeconds(10))
                .withDropped(3);

        assertThat(EventText.line(event))
                .isEqualTo("2026-11-21T12:00:10.250Z  vm1  paging on h2, 10 s: 9503 in, 222 out, 31 refaults, 1 stalls,"
                        + " 250 us a fault, 120.0 MiB resident, 3 samples before this one were dropped");
    }

    private static VmInfo with(VmInfo vm, FaultCounts counts, LatencyHistogram histogram) {
        return new VmInfo(
                vm.uuid(),
                vm.name(),
                vm.state(),
                vm.ramBytes(),
                vm.budgetBytes(),
                vm.residentBytes(),
                vm.zeroBytes(),
                vm.workingSetBytes(),
                Map.of(),
                vm.reservedBytes(),
                counts,
                vm.pageInUs(),
                histogram,
                vm.epoch(),
                vm.obstacle(),
                null,
                List.of());
    }

    private static String moveLine(String type, long remoteBytes) {
        var data =
                new VmEvent(Infos.UUID, "vm1", "h1", 1 << 30, 1 << 29, null, remoteBytes, "h3", null, null, "h2", null);
        return EventText.line(data.event(type, "1", NOW));
    }

    @Test
    void anEmptiedSubHostIsASentence() {
        assertThat(moveLine(VmEvent.SUB_HOST_EMPTYING, 1 << 20))
                .endsWith("  vm1  on h1: sub-host h3 is being emptied onto others, it keeps 1.0 MiB");
        assertThat(moveLine(VmEvent.SUB_HOST_EMPTIED, 0)).endsWith("on h1: sub-host h3 keeps nothing of it any more");
        assertThat(moveLine(VmEvent.SUB_HOST_KEPT, 4096))
                .endsWith("on h1: sub-host h3 is emptied no more, it keeps 4.0 KiB");
    }

    @Test
    void aDrainedSubHostIsSaidToBe() {
        var data = new VmEvent(Infos.UUID, "vm1", "h1", 1 << 30, 1 << 29, null, 1 << 20, "h3", null, null, null, true);

        assertThat(EventText.line(data.event(VmEvent.SUB_HOST_EMPTYING, "1", NOW)))
                .endsWith("on h1: sub-host h3, which is drained, is being emptied onto others, it keeps 1.0 MiB");
    }

    @Test
    void aSplitVmThatMovesOnOrIsGatheredIsASentence() {
        assertThat(moveLine(VmEvent.MOVED, 1 << 20)).endsWith("on h1: main host before: h2; 1.0 MiB on sub-hosts");
        assertThat(moveLine(VmEvent.GATHERING, 1 << 20)).endsWith("on h1: what its sub-hosts keep comes back, 1.0 MiB");
    }

    @Test
    void aMigrationOfASplitVmSaysWhatItChanges() {
        assertThat(lines(MigrationEvents.between(
                        Infos.migration(MigrationPhase.PRECOPY, MigrationKind.PARTIAL),
                        Infos.migration(MigrationPhase.READY, MigrationKind.PARTIAL),
                        NOW)))
                .singleElement()
                .asString()
                .endsWith(
                        "migration h1 -> h2, partial, 366.0 MiB stay on sub-hosts, ready, 156.0 MiB of 400.0 MiB left");
        assertThat(lines(MigrationEvents.between(
                        Infos.migration(MigrationPhase.PRECOPY, MigrationKind.GATHER),
                        Infos.migration(MigrationPhase.READY, MigrationKind.GATHER),
                        NOW)))
                .singleElement()
                .asString()
                .contains("migration h1 -> h2, gather, ready, ");
    }

    @Test
    void aMissingBrokerIsOneLineAndStatusOne() {
        assertThat(cli.run("events", "--brokers", "127.0.0.1:1", "--timeout", "1"))
                .isEqualTo(1);

        assertThat(cli.out()).isEmpty();
        assertThat(cli.err()).hasLineCount(1).startsWith("splitmem: no Kafka broker answers at 127.0.0.1:1: ");
    }

    @Test
    void anAddressThatIsNoneIsOneLineToo() {
        assertThat(cli.run("events", "--brokers", "nowhere.invalid:9092", "--timeout", "1"))
                .isEqualTo(1);

        assertThat(cli.err())
                .hasLineCount(1)
                .startsWith("splitmem: cannot look for a Kafka broker at nowhere.invalid:9092: ");
    }
}
