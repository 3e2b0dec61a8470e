/** nova-bridge: wiring only. */
@NullMarked
package org.splitmem.bridge;

import org.jspecify.annotations.NullMarked;
