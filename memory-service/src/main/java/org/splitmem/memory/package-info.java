/** splitmemd: wiring only. */
@NullMarked
package org.splitmem.memory;

import org.jspecify.annotations.NullMarked;
