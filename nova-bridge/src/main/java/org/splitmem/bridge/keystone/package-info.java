/**
 * Keystone: the service's own token, and who the callers are.
 *
 * <p>Any thread. Time is an argument, so that tests need not wait. Imports: http, Jackson.
 */
@NullMarked
package org.splitmem.bridge.keystone;

import org.jspecify.annotations.NullMarked;
