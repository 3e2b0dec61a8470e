package org.splitmem.events.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.events.Samples.NOW;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.splitmem.events.Event;
import org.splitmem.events.Samples;
import org.splitmem.events.Schemas;
import org.splitmem.events.paging.VmChanges.HostReading;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

class VmChangesTest {
    private static final Duration INTERVAL = Duration.ofSeconds(10);

    private final VmChanges changes = new VmChanges(INTERVAL);
    private final Map<String, HostReading> hosts = new HashMap<>();
    private Instant now = NOW;

    private static VmInfo vm(VmState state, long budgetBytes, Map<String, Long> remote) {
        return vm(state, budgetBytes, remote, null);
    }

    private static VmInfo vm(VmState state, long budgetBytes, Map<String, Long> remote, String obstacle) {
        return vm(state, budgetBytes, remote, obstacle, 1);
    }

    private static VmInfo vm(
            VmState state, long budgetBytes, Map<String, Long> remote, String obstacle, long epoch, MoveInfo... moves) {
        return new VmInfo(
                Samples.VM,
                "db1",
                state,
                4096 * 100,
                budgetBytes,
                4096 * 10,
                0,
                null,
                remote,
                remote,
                new FaultCounts(0, 0, 0, 0, 0, 0),
                LatencyUs.NONE,
                new LatencyHistogram(0, 0, List.of()),
                epoch,
                obstacle,
                null,
                List.of(moves));
    }

    /** A split VM, of which these hosts are emptied. */
    private static VmInfo emptying(Map<String, Long> remote, String... hosts) {
        return vm(
                VmState.SPLIT,
                4096 * 20,
                remote,
                null,
                1,
                Stream.of(hosts)
                        .map(host -> new MoveInfo(host, remote.get(host), 0, null, null, null))
                        .toArray(MoveInfo[]::new));
    }

    private void runs(String host, VmInfo vm) {
        hosts.put(host, new HostReading(List.of(vm), Map.of()));
    }

    private void answers(String host) {
        hosts.put(host, new HostReading(List.of(), Map.of()));
    }

    private void isSilent(String host) {
        hosts.put(host, new HostReading(null, Map.of()));
    }

    private List<Event> look() {
        now = now.plus(INTERVAL);
        return Schemas.valid(changes.next(now, hosts));
    }

    private static List<String> kinds(List<Event> events) {
        return events.stream().map(Event::kind).toList();
    }

    @Test
    void aSplitAnotherBudgetAndAGatherAreTold() {
        runs("h1", vm(VmState.LOCAL, 4096 * 100, Map.of()));
        assertThat(look()).as("the first reading is no change").isEmpty();

        runs("h1", vm(VmState.SPLIT, 4096 * 100, Map.of("h3", 4096L)));
        assertThat(kinds(look())).containsExactly("split");

        runs("h1", vm(VmState.SPLIT, 4096 * 20, Map.of("h3", 4096L * 80)));
        List<Event> budget = look();
        assertThat(kinds(budget)).containsExactly("budget");
        assertThat(budget.get(0).data().path("beforeBytes").asLong()).isEqualTo(4096 * 100);
        assertThat(budget.get(0).data().path("budgetBytes").asLong()).isEqualTo(4096 * 20);
        assertThat(look()).isEmpty();

        runs("h1", vm(VmState.LOCAL, 4096 * 100, Map.of()));
        assertThat(kinds(look())).containsExactly("gathered", "budget");
    }

    @Test
    void aVmThatHasMovedHasNotChangedByThat() {
        runs("h1", vm(VmState.LOCAL, 4096 * 100, Map.of()));
        look();

        answers("h1");
        runs("h2", vm(VmState.SPLIT, 4096 * 20, Map.of("h3", 4096L * 80)));

        assertThat(look()).isEmpty();
    }

    @Test
    void aSubHostThatFallsSilentIsToldOnceAndWhenItIsBack() {
        runs("h1", vm(VmState.SPLIT, 4096 * 20, Map.of("h3", 4096L * 80)));
        answers("h3");
        answers("h4");
        assertThat(look()).isEmpty();

        isSilent("h3");
        isSilent("h4");
        assertThat(look()).as("one reading may be missed by chance").isEmpty();
        List<Event> lost = look();
        assertThat(kinds(lost)).as("h4 keeps nothing of it").containsExactly("sub-host-lost");
        assertThat(lost.get(0).data().path("subHost").asText()).isEqualTo("h3");
        assertThat(lost.get(0).data().path("remoteBytes").asLong()).isEqualTo(4096 * 80);
        assertThat(lost.get(0).id()).as("tenants see ids").doesNotContain("h3");
        assertThat(look()).isEmpty();

        answers("h3");
        assertThat(kinds(look())).containsExactly("sub-host-back");
        assertThat(look()).isEmpty();
    }

    @Test
    void aSubHostIsToldWhenItIsEmptiedAndWhenItIsEmpty() {
        runs("h1", emptying(Map.of("h3", 4096L * 50, "h4", 4096L * 30)));
        assertThat(look()).isEmpty();

        runs("h1", emptying(Map.of("h3", 4096L * 40, "h4", 4096L * 40), "h3"));
        List<Event> begun = look();
        assertThat(kinds(begun)).containsExactly("sub-host-emptying");
        assertThat(begun.get(0).data().path("subHost").asText()).isEqualTo("h3");
        assertThat(begun.get(0).data().path("remoteBytes").asLong()).isEqualTo(4096 * 40);
        assertThat(begun.get(0).id()).as("tenants see ids").doesNotContain("h3");
        runs("h1", emptying(Map.of("h3", 4096L, "h4", 4096L * 79), "h3"));
        assertThat(look()).isEmpty();

        runs("h1", emptying(Map.of("h4", 4096L * 80)));
        List<Event> done = look();
        assertThat(kinds(done)).containsExactly("sub-host-emptied");
        assertThat(done.get(0).data().path("subHost").asText()).isEqualTo("h3");
        assertThat(done.get(0).data().path("remoteBytes").asLong()).isZero();
        assertThat(look()).isEmpty();
    }

    @Test
    void aSubHostThatKeepsTheRestIsTold() {
        runs("h1", emptying(Map.of("h3", 4096L * 50, "h4", 4096L * 30), "h3"));
        assertThat(look()).as("the first reading is no change").isEmpty();

        runs("h1", emptying(Map.of("h3", 4096L * 10, "h4", 4096L * 70)));
        List<Event> kept = look();

        assertThat(kinds(kept)).containsExactly("sub-host-kept");
        assertThat(kept.get(0).data().path("remoteBytes").asLong()).isEqualTo(4096 * 10);
    }

    @Test
    void aSubHostThatWasEmptiedBetweenTwoReadingsIsTold() {
        runs("h1", emptying(Map.of("h3", 4096L * 50)));
        look();

        runs("h1", emptying(Map.of("h4", 4096L * 50)));

        assertThat(kinds(look())).containsExactly("sub-host-emptied");
    }

    @Test
    void anotherSplitHasItsOwnSubHosts() {
        runs("h1", emptying(Map.of("h3", 4096L * 50)));
        look();

        runs("h1", vm(VmState.SPLIT, 4096 * 20, Map.of("h4", 4096L * 50), null, 2));

        assertThat(look()).isEmpty();
    }

    @Test
    void anEmptiedSubHostThatIsDrainedIsToldToBe() {
        runs("h1", emptying(Map.of("h3", 4096L * 50, "h4", 4096L * 30)));
        look();

        hosts.put("h3", new HostReading(List.of(), Map.of(), true));
        runs("h1", emptying(Map.of("h3", 4096L * 50, "h4", 4096L * 30), "h3", "h4"));

        List<Event> begun = look();
        assertThat(kinds(begun)).containsExactly("sub-host-emptying", "sub-host-emptying");
        assertThat(begun)
                .extracting(event -> event.data().path("subHost").asText() + " "
                        + event.data().path("draining").asBoolean())
                .containsExactly("h3 true", "h4 false");
    }

    private static VmInfo ofEpoch(VmState state, Map<String, Long> remote, long epoch) {
        return vm(state, 4096 * 20, remote, null, epoch);
    }

    @Test
    void aSplitVmsNextMainHostIsToldAlsoIfItWasSeenOnItsWay() {
        Map<String, Long> remote = Map.of("h3", 4096L * 80);
        runs("h2", ofEpoch(VmState.SPLIT, remote, 1));
        look();
        runs("h2", ofEpoch(VmState.OUTGOING, remote, 1));
        runs("h4", ofEpoch(VmState.INCOMING, Map.of(), 2));
        assertThat(look()).isEmpty();

        answers("h2");
        runs("h4", ofEpoch(VmState.SPLIT, remote, 2));
        List<Event> told = look();

        assertThat(kinds(told)).containsExactly("moved");
        assertThat(told.get(0).data().path("host").asText()).isEqualTo("h4");
        assertThat(told.get(0).data().path("beforeHost").asText()).isEqualTo("h2");
        assertThat(told.get(0).data().path("remoteBytes").asLong()).isEqualTo(4096 * 80);
        assertThat(told.get(0).id()).as("tenants see ids").doesNotContain("h2").doesNotContain("h4");
        assertThat(look()).isEmpty();
    }

    /** Hosts are not read at the same moment. */
    @Test
    void aHostThatSeemsToRunItStillIsNotItsNextMainHost() {
        Map<String, Long> remote = Map.of("h3", 4096L * 80);
        runs("h4", ofEpoch(VmState.SPLIT, remote, 1));
        look();

        runs("h2", ofEpoch(VmState.SPLIT, remote, 2));
        List<Event> both = look();
        answers("h4");
        List<Event> one = look();

        List<Event> told = Stream.concat(both.stream(), one.stream()).toList();
        assertThat(told).isNotEmpty().allSatisfy(event -> {
            assertThat(event.kind()).isEqualTo("moved");
            assertThat(event.data().path("host").asText()).isEqualTo("h2");
        });
        assertThat(told.stream().map(Event::id).distinct()).as("told once").hasSize(1);
    }

    @Test
    void aSplitVmThatIsWholeOnItsNextHostHasMovedAndIsGathered() {
        runs("h2", ofEpoch(VmState.SPLIT, Map.of("h3", 4096L * 80), 1));
        look();

        answers("h2");
        runs("h4", ofEpoch(VmState.LOCAL, Map.of(), 2));

        assertThat(kinds(look())).containsExactly("moved", "gathered");
    }

    @Test
    void aGatherIsToldWhenItBeginsToo() {
        Map<String, Long> remote = Map.of("h3", 4096L * 80);
        runs("h2", ofEpoch(VmState.SPLIT, remote, 1));
        look();

        runs("h2", gathered(remote, 1));
        List<Event> begun = look();
        assertThat(kinds(begun)).contains("gathering");
        assertThat(begun.get(0).data().path("remoteBytes").asLong()).isEqualTo(4096 * 80);
        runs("h2", gathered(Map.of("h3", 4096L), 1));
        assertThat(look()).isEmpty();

        answers("h2");
        runs("h4", gathered(Map.of("h3", 4096L), 2));
        assertThat(kinds(look())).as("it goes on elsewhere").containsExactly("moved", "gathering");
        runs("h4", vm(VmState.LOCAL, 4096 * 100, Map.of()));
        assertThat(kinds(look())).containsExactly("gathered");
    }

    /** A VM whose pages come back to its main host. */
    private static VmInfo gathered(Map<String, Long> remote, long epoch) {
        VmInfo of = vm(VmState.SPLIT, 4096 * 100, remote, null, epoch);
        return new VmInfo(
                of.uuid(),
                of.name(),
                of.state(),
                of.ramBytes(),
                of.budgetBytes(),
                of.residentBytes(),
                of.zeroBytes(),
                of.workingSetBytes(),
                of.remoteBytes(),
                of.reservedBytes(),
                of.faults(),
                of.pageInUs(),
                of.pageInHistogram(),
                of.epoch(),
                null,
                new GatherInfo(4096, 0, null, null, null),
                List.of());
    }

    @Test
    void pagesThatCannotBeHadAreToldWheneverTheyBecomeMore() {
        VmInfo split = vm(VmState.SPLIT, 4096 * 20, Map.of("h3", 4096L * 80));
        hosts.put("h1", new HostReading(List.of(split), Map.of(Samples.VM, 3L)));
        List<Event> first = look();
        assertThat(kinds(first))
                .as("a bridge that has just started says so, too")
                .containsExactly("pages-lost");
        assertThat(first.get(0).data().path("lostPages").asLong()).isEqualTo(3);
        assertThat(look()).isEmpty();

        hosts.put("h1", new HostReading(List.of(split), Map.of(Samples.VM, 4L)));
        assertThat(kinds(look())).containsExactly("pages-lost");
    }

    @Test
    void whatIsSilentIsRememberedAndWhatIsGoneIsNot() {
        runs("h1", vm(VmState.LOCAL, 4096 * 100, Map.of()));
        look();
        isSilent("h1");
        look();
        runs("h1", vm(VmState.LOCAL, 4096 * 50, Map.of()));
        assertThat(kinds(look())).containsExactly("budget");

        answers("h1");
        look();
        runs("h1", vm(VmState.LOCAL, 4096 * 100, Map.of()));
        assertThat(look()).isEmpty();
    }

    @Test
    void twoBridgesThatFindTheSameGiveItTheSameId() {
        VmChanges other = new VmChanges(INTERVAL);
        runs("h1", vm(VmState.LOCAL, 4096 * 100, Map.of()));
        changes.next(now, hosts);
        other.next(now.plusMillis(5), hosts);
        runs("h1", vm(VmState.LOCAL, 4096 * 50, Map.of()));

        assertThat(changes.next(now.plusSeconds(10), hosts).get(0).id())
                .isEqualTo(other.next(now.plusSeconds(10).plusMillis(5), hosts)
                        .get(0)
                        .id());
    }

    /** Also by a bridge that has just started: the operator has to detach the device. */
    @Test
    void aDeviceThatForbidsASplitIsToldOnce() {
        Map<String, Long> remote = Map.of("h3", 4096L);
        runs("h1", vm(VmState.SPLIT, 4096 * 50, remote));
        assertThat(look()).isEmpty();
        runs("h1", vm(VmState.SPLIT, 4096 * 50, remote, "device hostdev0: this vfio-pci"));

        List<Event> told = look();

        assertThat(kinds(told)).containsExactly("obstacle");
        assertThat(told.get(0).data().path("obstacle").asText()).isEqualTo("device hostdev0: this vfio-pci");
        assertThat(look()).isEmpty();
        List<Event> byAnother = new VmChanges(INTERVAL).next(now, hosts);
        assertThat(byAnother).extracting(Event::id).containsExactly(told.get(0).id());
        runs("h1", vm(VmState.SPLIT, 4096 * 50, remote));
        assertThat(look()).isEmpty();
    }
}
