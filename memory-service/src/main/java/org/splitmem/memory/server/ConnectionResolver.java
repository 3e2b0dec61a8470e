package org.splitmem.memory.server;

import org.jspecify.annotations.Nullable;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;

/** One kind of thing that peers may connect to: stores, incoming migrations, outgoing ones. Any thread. */
public interface ConnectionResolver {
    /**
     * Finds who serves a connection.
     *
     * @return null if this VM, role and token mean nothing here
     * @throws PeerException if they do, but the caller must be refused
     */
    @Nullable
    ConnectionHandler resolve(Hello hello) throws PeerException;
}
