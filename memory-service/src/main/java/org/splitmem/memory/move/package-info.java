/**
 * Empties a memory server of a split VM while its guest runs: other memory servers fetch the pages from it, and the page table names them
 * from then on.
 *
 * <p>Threads: one for a VM of which pages are to move. Imports: fault, remote, stream, wire, faultpoint, page.
 */
@NullMarked
package org.splitmem.memory.move;

import org.jspecify.annotations.NullMarked;
