/**
 * Bulk transfer of pages over parallel connections, straight from and into RAM files.
 *
 * <p>Threads: each stream is confined to its worker. Imports: wire, guest, page, linux.
 */
@NullMarked
package org.splitmem.memory.stream;

import org.jspecify.annotations.NullMarked;
