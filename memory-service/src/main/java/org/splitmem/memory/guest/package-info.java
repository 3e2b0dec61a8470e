/**
 * One VM's RAM on this host: its files, its mapping in QEMU, and the userfaultfds that came with it.
 *
 * <p>Threads: the files and addresses never change once made, so any thread may use them. Imports: linux, page.
 */
@NullMarked
package org.splitmem.memory.guest;

import org.jspecify.annotations.NullMarked;
