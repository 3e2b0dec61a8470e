/**
 * Which hosts take part: those that have registered, and those of the configuration; and that they know each other.
 *
 * <p>Any thread. The database holds what is registered, so that all bridges know the same; while it does not answer, what was read last holds. Imports:
 * daemon, placement, store, lists of peers of model, and address ranges of gate.
 */
@NullMarked
package org.splitmem.bridge.registry;

import org.jspecify.annotations.NullMarked;
