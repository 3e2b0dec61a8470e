/**
 * Which hosts keep the memory of a VM that its main host has no room for.
 *
 * <p>Pure functions over values: no clock, no chance, no I/O; any thread. Imports: the JDK only.
 */
@NullMarked
package org.splitmem.bridge.plan;

import org.jspecify.annotations.NullMarked;
