package org.splitmem.bridge.rules;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.nova.Aggregate;
import org.splitmem.bridge.nova.NovaClient;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.placement.Provider;
import org.splitmem.bridge.plan.AggregateRule;

/**
 * The aggregates that ask something of servers, with their members. Immutable.
 *
 * <p>A host is in an aggregate if Nova says so of its compute service, or Placement of its resource provider: hosts without nova-compute can
 * only be put into Placement's, and the names of service and provider may differ.
 */
final class AggregateMap {
    private static final String ZONE = "availability_zone";
    private static final String PROJECT = "filter_tenant_id";
    private static final String TRAIT = "trait:";

    /** @param zone that its hosts are in; empty: it makes none */
    private record Entry(AggregateRule rule, String zone, Set<String> hosts, Set<UUID> providers) {}

    private final List<Entry> entries;
    private final Map<String, UUID> byName;

    private AggregateMap(List<Entry> entries, Map<String, UUID> byName) {
        this.entries = List.copyOf(entries);
        this.byName = Map.copyOf(byName);
    }

    /** @param defaultZone name that Nova gives the zone of hosts that are in no other */
    static AggregateMap read(NovaClient nova, PlacementClient placement, String defaultZone) throws ServiceException {
        List<Entry> entries = new ArrayList<>();
        Map<String, UUID> byName = new HashMap<>();
        for (Aggregate aggregate : nova.aggregates()) {
            byName.put(aggregate.name(), aggregate.uuid()); // Nova lets no two have the same
            String zone = aggregate.metadata().getOrDefault(ZONE, "");
            AggregateRule rule = new AggregateRule(aggregate.name(), projects(aggregate), traits(aggregate));
            if (!zone.isEmpty() || !rule.projects().isEmpty() || !rule.traits().isEmpty()) {
                entries.add(new Entry(
                        rule,
                        zone.equals(defaultZone) ? "" : zone,
                        aggregate.hosts(),
                        placement.members(aggregate.uuid())));
            }
        }
        return new AggregateMap(entries, byName);
    }

    /** Nova takes every key that begins so: one metadata value is 255 characters at most, and projects may be more. */
    private static Set<String> projects(Aggregate aggregate) {
        return aggregate.metadata().entrySet().stream()
                .filter(entry -> entry.getKey().startsWith(PROJECT))
                .flatMap(entry -> Stream.of(entry.getValue().split(",")))
                .map(String::strip)
                .filter(project -> !project.isEmpty())
                .collect(Collectors.toSet());
    }

    private static Set<String> traits(Aggregate aggregate) {
        return aggregate.metadata().entrySet().stream()
                .filter(entry ->
                        entry.getKey().startsWith(TRAIT) && entry.getValue().equals("required"))
                .map(entry -> entry.getKey().substring(TRAIT.length()))
                .collect(Collectors.toSet());
    }

    /** The uuid of an aggregate of that name; empty if there is none. */
    Optional<UUID> uuidOf(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    /** The rules of the aggregates that a host is in. */
    List<AggregateRule> rulesOf(Provider host) {
        return of(host).map(Entry::rule).toList();
    }

    /** The host's availability zone; empty: the default one. Nova does not let a host be in two. */
    String zoneOf(Provider host) {
        return of(host).map(Entry::zone)
                .filter(zone -> !zone.isEmpty())
                .sorted()
                .findFirst()
                .orElse("");
    }

    private Stream<Entry> of(Provider host) {
        return entries.stream()
                .filter(entry ->
                        entry.hosts().contains(host.name()) || entry.providers().contains(host.uuid()));
    }

    /** Whether there are aggregates for the project. */
    boolean hasOwn(String project) {
        return entries.stream().anyMatch(entry -> entry.rule().projects().contains(project));
    }
}
