/**
 * Events on disk, between the one who tells them and the broker: files that survive the death of the process at any moment. Knows
 * nothing of events: payloads are bytes under a key.
 *
 * <p>Any thread; each spool is one monitor. May import the JDK only, and logs.
 */
@NullMarked
package org.splitmem.events.spool;

import org.jspecify.annotations.NullMarked;
