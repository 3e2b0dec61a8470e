/**
 * Files of settings, "key = value" on a line: how all services read theirs.
 *
 * <p>Used by one thread, at its start. May import the JDK and sizes and rates.
 */
@NullMarked
package org.splitmem.model.config;

import org.jspecify.annotations.NullMarked;
