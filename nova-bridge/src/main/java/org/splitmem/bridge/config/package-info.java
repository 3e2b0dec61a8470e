/**
 * nova-bridge.conf: read once at start, checked whole, immutable.
 *
 * <p>Threads: any. Imports: model, and the configuration records of those who are configured.
 */
@NullMarked
package org.splitmem.bridge.config;

import org.jspecify.annotations.NullMarked;
