/** What the bridge sees happen: kept in the database, and told to Kafka by the module events. Who tells waits for neither. */
@NullMarked
package org.splitmem.bridge.telemetry;

import org.jspecify.annotations.NullMarked;
