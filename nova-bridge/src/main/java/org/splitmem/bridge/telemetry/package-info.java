/** What the bridge sees happen: written to the database, and sent to Kafka from there by the module events. Nothing waits for Kafka. */
@NullMarked
package org.splitmem.bridge.telemetry;

import org.jspecify.annotations.NullMarked;
