package org.splitmem.bridge.rules;

import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.nova.Cached;
import org.splitmem.bridge.nova.NovaClient;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.placement.Provider;
import org.splitmem.bridge.plan.CloudRules;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.plan.Membership;

/** Collects the cloud's rules for a VM. Aggregates are believed for half a minute; server groups are read each time. Any thread. */
public final class RulesReader {
    private static final String UUID_FORM = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
    private static final Duration AGGREGATES_HOLD = Duration.ofSeconds(30);

    private final NovaClient nova;
    private final PlacementClient placement;
    private final boolean limitTenants;
    private final Cached<AggregateMap> aggregates;

    /**
     * Reads nothing yet.
     *
     * @param limitTenants whether projects with aggregates of their own are limited to them
     * @param defaultZone name that Nova gives the zone of hosts that are in no other
     */
    public RulesReader(NovaClient nova, PlacementClient placement, boolean limitTenants, String defaultZone) {
        this.nova = nova;
        this.placement = placement;
        this.limitTenants = limitTenants;
        this.aggregates =
                new Cached<>(() -> AggregateMap.read(nova, placement, defaultZone), AGGREGATES_HOLD, System::nanoTime);
    }

    /** @throws ServiceException unless Nova can be read */
    public void check() throws ServiceException {
        aggregates.get();
    }

    /**
     * The rules for a VM on a main host.
     *
     * @param instance need not exist: then it is in no server group
     * @throws ServiceException if Nova or Placement cannot be read
     */
    public Reading read(UUID instance, String project, Provider main, ExtraSpecs specs) throws ServiceException {
        AggregateMap map = aggregates.get();
        GroupMap group = GroupMap.read(nova, placement, instance);
        CloudRules rules = new CloudRules(
                map.zoneOf(main),
                project,
                limitTenants && map.hasOwn(project),
                specs.requiredTraits(),
                specs.forbiddenTraits(),
                group.policy(),
                group.maxPerHost(),
                group.serversOn(main));
        return new Reading(rules, map, group);
    }

    /** What was read for one plan. Immutable. */
    public static final class Reading {
        private final CloudRules rules;
        private final AggregateMap aggregates;
        private final GroupMap group;

        private Reading(CloudRules rules, AggregateMap aggregates, GroupMap group) {
            this.rules = rules;
            this.aggregates = aggregates;
            this.group = group;
        }

        public CloudRules rules() {
            return rules;
        }

        /** The uuid of an aggregate, by its name in Nova or its uuid; empty if Nova has none of that name. */
        public Optional<UUID> aggregate(String nameOrUuid) {
            Optional<UUID> named = aggregates.uuidOf(nameOrUuid);
            if (named.isPresent() || !nameOrUuid.matches(UUID_FORM)) {
                return named;
            }
            return Optional.of(UUID.fromString(nameOrUuid)); // it may be Placement's alone
        }

        public Membership membership(Provider host) {
            return new Membership(
                    aggregates.zoneOf(host), host.traits(), aggregates.rulesOf(host), group.serversOn(host));
        }
    }
}
