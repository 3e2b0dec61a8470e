/**
 * Client of Nova's compute API: how the cloud is cut into aggregates, zones and server groups. It only reads.
 *
 * <p>Any thread; every call is bounded in time. Knows Nova's API and nothing of split memory. Imports: http, Jackson.
 */
@NullMarked
package org.splitmem.bridge.nova;

import org.jspecify.annotations.NullMarked;
