/**
 * What the programs tell each other: the records of the control API, sizes and rates as people write them, and the one JSON mapping.
 *
 * <p>Immutable values, usable on any thread. Every record checks its ranges when it is made, so that a value that exists is a valid one.
 * May import the JDK and Jackson only.
 */
@NullMarked
package org.splitmem.model;

import org.jspecify.annotations.NullMarked;
