/**
 * Events as CloudEvents 1.0: their JSON form, and Kafka's protocol binding in both content modes. Pure functions.
 *
 * <p>May import the events, Jackson, and of Kafka the records and headers alone.
 */
@NullMarked
package org.splitmem.events.cloud;

import org.jspecify.annotations.NullMarked;
