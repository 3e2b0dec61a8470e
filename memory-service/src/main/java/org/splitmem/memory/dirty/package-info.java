/**
 * Which pages QEMU wrote since they were last looked at: write-protection by the kernel, read through PAGEMAP_SCAN.
 *
 * <p>Threads: any; a {@link WriteLog} is for one. Imports: guest, page, linux.
 */
@NullMarked
package org.splitmem.memory.dirty;

import org.jspecify.annotations.NullMarked;
