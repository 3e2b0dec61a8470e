/** What the bridge sees happen, told to Kafka by the module events. Waits for no network. */
@NullMarked
package org.splitmem.bridge.telemetry;

import org.jspecify.annotations.NullMarked;
