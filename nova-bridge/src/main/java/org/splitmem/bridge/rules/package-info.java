/**
 * Reads how the cloud is cut, for the plan of one VM: aggregates, availability zones and server groups, as Nova and Placement have them.
 *
 * <p>Any thread. What follows from it is decided in {@code plan}; here it is only collected. If something cannot be read there is no answer,
 * and so no plan: better none than one that breaks the rules. Imports: nova, placement, booking, plan, http.
 */
@NullMarked
package org.splitmem.bridge.rules;

import org.jspecify.annotations.NullMarked;
