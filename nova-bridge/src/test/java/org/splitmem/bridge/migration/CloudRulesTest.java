package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.RefusedException;

/**
 * Sub-hosts are chosen by the rules by which Nova chooses main hosts. The VM moves from h1 to h2, which has room for the main share only: of
 * these hosts h3 alone can be a sub-host.
 */
class CloudRulesTest {
    private static final UUID OTHER = UUID.fromString("07e40000-0000-4000-8000-000000000002");
    private static final Map<String, Long> ON_H3 = Map.of("h3", 256L);

    private Cloud cloud;
    private Cloud.Bridge bridge;

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud();
        bridge = cloud.bridge("bridge-1");
        cloud.nova.server(Cloud.VM, "h1");
        cloud.placement.host("h2", 356, true).claim(Cloud.VM, "INSTANCE", "h2", 256);
    }

    @AfterEach
    void end() {
        cloud.close();
    }

    private Plan plan() throws RefusedException {
        return bridge.migrations.dryRun(Cloud.onHost("h1"), "h2");
    }

    private void assertH3IsNotUsed(String why) throws RefusedException {
        Plan plan = plan();
        assertThat(plan.outcome()).as(plan.summary()).isEqualTo(Plan.Outcome.REFUSED);
        assertThat(plan.summary()).contains("h3: ").contains(why);
        assertThat(plan.explanation()).anyMatch(line -> line.startsWith("h3: ") && line.contains(why));
    }

    private void assertH3IsUsed() throws RefusedException {
        Plan plan = plan();
        assertThat(plan.outcome()).as(plan.summary()).isEqualTo(Plan.Outcome.SPLIT);
        assertThat(plan.shares()).extracting(Plan.Share::host).containsExactly("h3");
    }

    @Test
    void aDisabledHostIsNoSubHost() throws Exception {
        assertH3IsUsed();

        cloud.placement.traits("h3", "COMPUTE_STATUS_DISABLED");

        assertH3IsNotUsed("COMPUTE_STATUS_DISABLED");
    }

    @Test
    void aVmThatStartsWhereItWasKeepsItsDisabledSubHost() throws Exception {
        cloud.placement.unclaim(Consumers.of(Cloud.VM));
        cloud.placement.claim(Consumers.of(Cloud.VM), "SPLITMEM", "h3", 256);
        cloud.placement.host("h1", 0, false);
        cloud.placement.traits("h3", "COMPUTE_STATUS_DISABLED");

        assertThat(bridge.placements.place(Cloud.onHost("h2")).subHosts()).isEqualTo(ON_H3);
    }

    @Test
    void subHostsAreInTheZoneOfTheMainHost() throws Exception {
        cloud.nova.aggregate("rack1", Map.of("availability_zone", "az1"), "h1", "h2");
        cloud.nova.aggregate("rack2", Map.of("availability_zone", "az2"), "h3");

        assertH3IsNotUsed("zone az2; the VM is in zone az1");
    }

    @Test
    void aHostInNoZoneIsNotInTheMainHostsZone() throws Exception {
        cloud.nova.aggregate("rack1", Map.of("availability_zone", "az1"), "h2");

        assertH3IsNotUsed("the default zone; the VM is in zone az1");
    }

    @Test
    void hostsOfOneZoneAreUsedInWhateverAggregatesTheyAre() throws Exception {
        cloud.nova.aggregate("rack1", Map.of("availability_zone", "az1"), "h2");
        cloud.nova.aggregate("rack2", Map.of("availability_zone", "az1", "pinned", "true"), "h3");

        assertH3IsUsed();
    }

    @Test
    void theDefaultZoneIsTheSameWithAnAggregateAndWithout() throws Exception {
        cloud.nova.aggregate("rest", Map.of("availability_zone", "nova"), "h3");

        assertH3IsUsed();
    }

    @Test
    void aHostWithoutNovaComputeIsInTheAggregatesOfItsResourceProvider() throws Exception {
        UUID aggregate = cloud.nova.aggregate("rack2", Map.of("availability_zone", "az2"));
        cloud.placement.host("h3", 1000, true, aggregate.toString());

        assertH3IsNotUsed("zone az2");
    }

    @ParameterizedTest
    @CsvSource({"filter_tenant_id,   other", "filter_tenant_id,   'other, third'", "filter_tenant_id42, other"})
    void anAggregateOfOtherProjectsIsNotUsed(String key, String projects) throws Exception {
        cloud.nova.aggregate("theirs", Map.of(key, projects), "h3");

        assertH3IsNotUsed("aggregate theirs is kept for others");
    }

    @Test
    void anAggregateOfTheProjectIsUsed() throws Exception {
        cloud.nova.aggregate("theirs", Map.of("filter_tenant_id", "other"), "h3");
        cloud.nova.aggregate("ours", Map.of("filter_tenant_id1", "third", "filter_tenant_id2", "project"), "h3");

        assertH3IsUsed();
    }

    @Test
    void aProjectWithAggregatesIsLimitedToThemIfNovaDoesThat() throws Exception {
        cloud.nova.aggregate("ours", Map.of("filter_tenant_id", "project"), "h2");
        assertH3IsUsed();

        bridge = cloud.bridge("bridge-2", true);

        assertH3IsNotUsed("in none of the project's aggregates");
    }

    @Test
    void traitsOfTheFlavorHoldForSubHosts() throws Exception {
        Map<String, String> specs = new HashMap<>(Cloud.SPECS);
        specs.put("trait:CUSTOM_ECC", "required");
        specs.put("trait:CUSTOM_OLD", "forbidden");
        PlanInput input = new PlanInput(Cloud.onHost("h1").vm(), specs, null);

        assertThat(bridge.migrations.dryRun(input, "h2").summary()).contains("h3: has no CUSTOM_ECC");
        cloud.placement.traits("h3", "CUSTOM_ECC");
        assertThat(bridge.migrations.dryRun(input, "h2").outcome()).isEqualTo(Plan.Outcome.SPLIT);
        cloud.placement.traits("h3", "CUSTOM_OLD");
        assertThat(bridge.migrations.dryRun(input, "h2").summary()).contains("h3: has CUSTOM_OLD");
    }

    @Test
    void anIsolatedAggregateIsForThoseThatRequireItsTraits() throws Exception {
        cloud.nova.aggregate("licensed", Map.of("trait:CUSTOM_LICENSED", "required"), "h3");
        cloud.placement.traits("h3", "CUSTOM_LICENSED");
        Map<String, String> specs = new HashMap<>(Cloud.SPECS);
        specs.put("trait:CUSTOM_LICENSED", "required");

        assertH3IsNotUsed("aggregate licensed is kept for servers that require CUSTOM_LICENSED");
        PlanInput licensed = new PlanInput(Cloud.onHost("h1").vm(), specs, null);
        assertThat(bridge.migrations.dryRun(licensed, "h2").outcome()).isEqualTo(Plan.Outcome.SPLIT);
    }

    @Test
    void theFlavorsAggregateIsNamedOrGivenByItsUuid() throws Exception {
        UUID lenders = cloud.nova.aggregate("lenders", Map.of(), "h3");
        UUID others = cloud.nova.aggregate("others", Map.of());
        cloud.placement.host("h3", 1000, true, lenders.toString());

        for (String given : List.of("lenders", lenders.toString())) {
            assertThat(foreseen(given).outcome()).as(given).isEqualTo(Plan.Outcome.SPLIT);
        }
        for (String given : List.of("others", others.toString())) {
            assertThat(foreseen(given).outcome()).as(given).isEqualTo(Plan.Outcome.REFUSED);
        }
        assertThatThrownBy(() -> foreseen("lender"))
                .hasMessage("extra spec splitmem:aggregate = lender: Nova has no host aggregate of that name");
    }

    private Plan foreseen(String aggregate) throws RefusedException {
        Map<String, String> specs = Map.of("splitmem:enabled", "true", "splitmem:aggregate", aggregate);
        return bridge.migrations.dryRun(new PlanInput(Cloud.onHost("h1").vm(), specs, null), "h2");
    }

    @Test
    void theMainHostOfAnotherServerOfAnAntiAffinityGroupIsNoSubHost() throws Exception {
        cloud.nova.group("anti-affinity", 1, Cloud.VM, OTHER);
        cloud.nova.server(OTHER, "h3");

        assertH3IsNotUsed("anti-affinity: server " + OTHER);
    }

    @Test
    void theDestinationOfAnotherServerOfAnAntiAffinityGroupIsNoSubHost() throws Exception {
        cloud.nova.group("anti-affinity", 1, Cloud.VM, OTHER);
        cloud.nova.server(OTHER, "elsewhere");
        cloud.placement.claim(OTHER, "INSTANCE", "h3", 10);

        assertH3IsNotUsed("anti-affinity: server " + OTHER);
    }

    @Test
    void aSubHostOfAnotherServerOfAnAntiAffinityGroupIsNoSubHost() throws Exception {
        cloud.nova.group("anti-affinity", 1, Cloud.VM, OTHER);
        cloud.nova.server(OTHER, "elsewhere");
        cloud.placement.claim(Consumers.of(OTHER), "SPLITMEM", "h3", 10);

        assertH3IsNotUsed("anti-affinity: server " + OTHER);
    }

    @Test
    void aHostThatIsASubHostOfAnotherServerOfAnAntiAffinityGroupIsNoMainHost() throws Exception {
        cloud.nova.group("anti-affinity", 1, Cloud.VM, OTHER);
        cloud.nova.server(OTHER, "elsewhere");
        cloud.placement.claim(Consumers.of(OTHER), "SPLITMEM", "h2", 10);
        cloud.placement.host("h2", 10_000, true);

        assertThatThrownBy(() -> bridge.migrations.plan(Cloud.onHost("h1"), "h2"))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.code()).isEqualTo("server-group"))
                .hasMessage("h2 cannot be the main host: anti-affinity: server " + OTHER + " has memory there");
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void asManyServersShareAHostAsTheGroupAllows() throws Exception {
        cloud.nova.group("anti-affinity", 2, Cloud.VM, OTHER);
        cloud.nova.server(OTHER, "h3");

        assertH3IsUsed();
    }

    @ParameterizedTest
    @ValueSource(strings = {"soft-anti-affinity", "affinity", "soft-affinity"})
    void otherGroupsRefuseNoHost(String policy) throws Exception {
        cloud.nova.group(policy, 1, Cloud.VM, OTHER);
        cloud.nova.server(OTHER, "h3");

        assertH3IsUsed();
    }

    @ParameterizedTest
    @CsvSource({
        "soft-anti-affinity, h1, h3",
        "soft-anti-affinity, h3, h1",
        "soft-affinity,      h1, h1",
        "soft-affinity,      h3, h3",
        "affinity,           h1, h1",
        "affinity,           h3, h3"
    })
    void ofTwoHostsTheOneThatSuitsTheGroupIsChosen(String policy, String another, String chosen) throws Exception {
        cloud.placement.unclaim(Consumers.of(Cloud.VM));
        cloud.placement.host("h1", 1000, true);
        cloud.nova.group(policy, 1, Cloud.VM, OTHER);
        cloud.nova.server(OTHER, another);

        assertThat(bridge.placements.place(Cloud.onHost("h2")).subHosts()).isEqualTo(Map.of(chosen, 256L));
    }

    @Test
    void ofTwoServersThatArePlannedAtOnceNoneGetsAHostOfTheOther() throws Exception {
        cloud.nova.group("anti-affinity", 1, Cloud.VM, OTHER);
        cloud.nova.server(OTHER, null);
        // The other one books in the moment between our choice and our booking.
        cloud.placement.before(
                "PUT", Consumers.of(Cloud.VM), () -> cloud.placement.claim(Consumers.of(OTHER), "SPLITMEM", "h3", 10));

        assertThatThrownBy(() -> bridge.migrations.plan(Cloud.onHost("h1"), "h2"))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("anti-affinity: server " + OTHER);
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void ofServersThatStartAtOnceOneGetsTheHostThatIsLeft() throws Exception {
        cloud.nova.group("anti-affinity", 1, Cloud.VM, OTHER);
        cloud.placement.unclaim(Cloud.VM);
        cloud.placement.unclaim(Consumers.of(Cloud.VM));
        Map<UUID, String> mains = Map.of(Cloud.VM, "h1", OTHER, "h2");
        mains.forEach((server, main) -> {
            cloud.nova.server(server, main);
            cloud.placement.claim(server, "INSTANCE", main, 10);
        });

        List<CompletableFuture<String>> placed = mains.keySet().stream()
                .map(server -> CompletableFuture.supplyAsync(() -> place(server, mains.get(server))))
                .toList();

        for (CompletableFuture<String> outcome : placed) {
            assertThat(outcome.get()).isIn("no-sub-hosts", "split");
        }
        List<Map<String, Long>> booked = mains.keySet().stream()
                .map(server -> cloud.placement.claimsOf(Consumers.of(server)))
                .filter(booking -> !booking.isEmpty())
                .toList();
        assertThat(booked).hasSizeLessThanOrEqualTo(1).allMatch(booking -> booking.equals(Map.of("h3", 10L)));
    }

    private String place(UUID server, String main) {
        Map<String, String> always = Map.of("splitmem:enabled", "true", "splitmem:mode", "always");
        try {
            Vm vm = new Vm(server, "db", main, 20, 10, "project", "user");
            return bridge.placements.place(new PlanInput(vm, always, null)).split() ? "split" : "whole";
        } catch (RefusedException e) {
            return e.code();
        }
    }

    @Test
    void withoutNovaNothingIsPlanned() {
        cloud.nova.answersWith(503);

        assertThatThrownBy(() -> bridge.migrations.plan(Cloud.onHost("h1"), "h2"))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.code()).isEqualTo("service-failed"))
                .hasMessageStartingWith("Nova GET /v2.1/os-aggregates: HTTP 503");
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void thatThisTokenMayNotAskNovaIsSaidWithTheRemedy() {
        cloud.nova.answersWith(403);

        assertThatThrownBy(() -> bridge.migrations.plan(Cloud.onHost("h1"), "h2"))
                .hasMessageContaining("keystone.user needs the role admin in keystone.project");
    }
}
