/**
 * What changes where pages of VMs are: each such change is an {@link org.splitmem.memory.operation.Operation}, whatever does it. They are
 * listed, cancelled, and recorded here, and nowhere else.
 *
 * <p>Imports: faultpoint, record.
 */
@NullMarked
package org.splitmem.memory.operation;

import org.jspecify.annotations.NullMarked;
