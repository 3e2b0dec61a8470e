/**
 * Migrations and placements of VMs: chosen, booked, handed to splitmemd, followed, and set right again.
 *
 * <p>Services are for any thread; {@link org.splitmem.bridge.migration.Follower}, {@link org.splitmem.bridge.migration.Reconciler} and
 * {@link org.splitmem.bridge.migration.Drains} each run on a
 * thread of their own, in every bridge at once. Imports: plan, booking, placement, daemon, store, http, model.
 */
@NullMarked
package org.splitmem.bridge.migration;

import org.jspecify.annotations.NullMarked;
