/**
 * One migration, from the request to its end: the order of the calls to splitmemd and to the hypervisor, and what is shown meanwhile.
 *
 * <p>The hypervisor's call blocks in a thread of its own, all else happens on the caller's. May import the model and the client of the
 * control API.
 */
@NullMarked
package org.splitmem.cli.migration;

import org.jspecify.annotations.NullMarked;
