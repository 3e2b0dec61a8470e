/**
 * The moments at which a daemon may die and leave something half done: named, so that tests can end it at each of them.
 *
 * <p>Any thread. Imports: nothing.
 */
@NullMarked
package org.splitmem.memory.faultpoint;

import org.jspecify.annotations.NullMarked;
