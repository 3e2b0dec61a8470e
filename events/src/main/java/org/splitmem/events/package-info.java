/**
 * What is told about VMs: the events, their data, and who makes them from what the daemons say.
 *
 * <p>Immutable values and pure functions, usable on any thread. May import the JDK, Jackson and the model only; files, brokers and
 * metrics are the business of the packages below.
 */
@NullMarked
package org.splitmem.events;

import org.jspecify.annotations.NullMarked;
