/**
 * Which hosts take part: those that have registered, and those of the configuration.
 *
 * <p>Any thread. The database holds what is registered, so that all bridges know the same; while it does not answer, what was read last holds. Imports:
 * daemon, placement, store, and address ranges of gate.
 */
@NullMarked
package org.splitmem.bridge.registry;

import org.jspecify.annotations.NullMarked;
