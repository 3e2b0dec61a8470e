/**
 * What a call of libvirt's {@code qemu} hook means for splitmem.
 *
 * <p>Owns: the decision ({@link org.splitmem.hooks.HookCall} to {@link org.splitmem.hooks.HookDecision}), a pure function which
 * the daemon's control endpoint executes. The hook that libvirt runs is a shell script, {@code src/main/sh/splitmem}, which
 * passes the call on to that endpoint. Threads: any. Imports: {@code org.splitmem.hooks.domain} and the JDK.
 */
@NullMarked
package org.splitmem.hooks;

import org.jspecify.annotations.NullMarked;
