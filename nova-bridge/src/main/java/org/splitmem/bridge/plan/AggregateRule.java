package org.splitmem.bridge.plan;

import java.util.Set;

/**
 * What an aggregate asks of the servers on its hosts.
 *
 * @param projects whose servers alone may be there; empty: everyone's
 * @param traits that a server has to ask for to be there; empty: none
 */
public record AggregateRule(String name, Set<String> projects, Set<String> traits) {
    public AggregateRule {
        projects = Set.copyOf(projects);
        traits = Set.copyOf(traits);
    }
}
