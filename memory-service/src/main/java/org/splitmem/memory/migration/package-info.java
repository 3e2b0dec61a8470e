/**
 * Migrations: one-to-N from this host, and the receiving end of one that comes here.
 *
 * <p>Threads: an outgoing migration has one thread of its own, which alone changes its phase, and one worker per stream.
 * Imports: everything of the daemon but shim, config and control.
 */
@NullMarked
package org.splitmem.memory.migration;

import org.jspecify.annotations.NullMarked;
