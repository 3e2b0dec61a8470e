package org.splitmem.model;

import java.util.Map;

/**
 * How many pages of 4096 bytes are where.
 *
 * @param main on the main host
 * @param subHosts on each sub-host, by name
 * @param zero nowhere: never written, or all zero
 */
public record PagePlacement(long main, Map<String, Long> subHosts, long zero) {
    public static final PagePlacement NONE = new PagePlacement(0, Map.of(), 0);

    public PagePlacement {
        Require.notNegative("main", main);
        Require.notNegative("zero", zero);
        subHosts = Map.copyOf(Require.present("subHosts", subHosts));
        subHosts.forEach((host, pages) -> Require.notNegative("subHosts." + host, pages));
    }
}
