/**
 * Who books what in Placement for a VM: one consumer of our own for each, next to Nova's.
 *
 * <p>Any thread, several bridges at once: Placement's generations arbitrate. Imports: placement, http.
 */
@NullMarked
package org.splitmem.bridge.booking;

import org.jspecify.annotations.NullMarked;
