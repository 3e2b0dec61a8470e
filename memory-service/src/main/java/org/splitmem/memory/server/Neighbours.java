package org.splitmem.memory.server;

import java.io.IOException;
import java.net.InetSocketAddress;

/** The other memory servers that this one may connect to. Any thread. */
public interface Neighbours {
    /** Where the data port of a host is. @throws IOException saying what can be done if this host does not know it */
    InetSocketAddress dataPortOf(String host) throws IOException;
}
