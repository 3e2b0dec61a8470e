/**
 * The kernel's interfaces, one final class per C header, with the constants spelled as there. No policy.
 *
 * <p>Threads: all classes are stateless or confined to their owner. Imports: the JDK and JNA; nothing else in the
 * project imports {@code com.sun.jna}. LP64 Linux only.
 */
@NullMarked
package org.splitmem.memory.linux;

import org.jspecify.annotations.NullMarked;
