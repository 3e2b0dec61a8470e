/**
 * The conversation with the shim in each QEMU: descriptors in, zap and mode requests out.
 *
 * <p>Threads: one per connection while it is being set up; requests are serialized. Imports: linux.
 */
@NullMarked
package org.splitmem.memory.shim;

import org.jspecify.annotations.NullMarked;
