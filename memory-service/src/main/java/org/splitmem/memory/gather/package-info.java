/**
 * Brings the pages of a split VM back to its main host, or ahead to the host that is to be that, many at a time, from all its memory servers at
 * once.
 *
 * <p>Threads: two for each memory server that has pages which are wanted, until it has none: one asks and receives, one takes what came. Imports: fault, remote, stream, wire, guest,
 * faultpoint, page, linux; of model, how far it is.
 */
@NullMarked
package org.splitmem.memory.gather;

import org.jspecify.annotations.NullMarked;
