/**
 * The frames that daemons exchange; docs/PROTOCOL.md is the contract. Peers are hostile: every length, page and count is
 * checked before use.
 *
 * <p>Threads: codecs are confined to the connection's thread. Imports: page, linux, Jackson.
 */
@NullMarked
package org.splitmem.memory.wire;

import org.jspecify.annotations.NullMarked;
