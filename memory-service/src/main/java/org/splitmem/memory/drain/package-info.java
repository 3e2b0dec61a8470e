/**
 * What this host is to lend no more: which VMs' pages are to leave, and how their main hosts are asked to move them.
 *
 * <p>This package may use {@code migration}, {@code vm}, {@code server}, {@code page}, {@code record} and {@code thread}.
 */
@NullMarked
package org.splitmem.memory.drain;

import org.jspecify.annotations.NullMarked;
