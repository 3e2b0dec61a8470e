/**
 * Which pages QEMU wrote since they were last looked at: write-protection by the kernel, read through PAGEMAP_SCAN.
 *
 * <p>Threads: a tracker is confined to its migration's thread. Imports: guest, page, linux.
 */
@NullMarked
package org.splitmem.memory.dirty;

import org.jspecify.annotations.NullMarked;
