package org.splitmem.memory.server;

import org.splitmem.memory.wire.Hello;

/**
 * Who may change a store, and on which connection it says so. Of an owner's page-out connections only the latest counts: it makes another one
 * when it has lost the first, as does its next daemon, and what comes late of the first, from the network or a thread that was slow, may be a
 * drop of a page that it has sent anew since, or that page as it was before.
 *
 * @param connection number of a page-out connection, in the order of the hand-shakes
 */
record Sender(Hello hello, long connection) {
    /** In place of a number: a migration has several streams. They end before its next owner sends anything. */
    static final long ONE_OF_MANY = 0;
}
