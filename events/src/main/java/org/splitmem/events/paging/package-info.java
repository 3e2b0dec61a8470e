/**
 * Makes paging events of what the daemons say of their VMs. Pure functions, and the one class that remembers the last reading.
 *
 * <p>May import the events and the model.
 */
@NullMarked
package org.splitmem.events.paging;

import org.jspecify.annotations.NullMarked;
