/**
 * Client of OpenStack's Placement: what hosts have free, and who has claimed what.
 *
 * <p>Any thread. Knows Placement's API and nothing of VMs. Imports: http, Jackson.
 */
@NullMarked
package org.splitmem.bridge.placement;

import org.jspecify.annotations.NullMarked;
