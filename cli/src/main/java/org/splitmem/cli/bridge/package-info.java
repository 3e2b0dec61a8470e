/**
 * The client of nova-bridge, and the sign-in at Keystone that it needs. On the caller's thread; every call is bounded in time. May import the
 * JDK, Jackson's tree and the model.
 */
@NullMarked
package org.splitmem.cli.bridge;

import org.jspecify.annotations.NullMarked;
