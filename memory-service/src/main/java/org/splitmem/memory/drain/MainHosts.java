package org.splitmem.memory.drain;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.VmInfo;

/**
 * What a host that is to be emptied asks of others: of those whose VMs have pages here, and of those that may take them. Any thread; each
 * call waits for the answer, and is bounded in time.
 */
public interface MainHosts {
    /** The names of all hosts, without this one. */
    List<String> names();

    /** @throws IOException if there is no such host: the text says what can be done */
    void requireKnown(String host) throws IOException;

    /** The VMs of a host. */
    List<VmInfo> vms(String host) throws IOException;

    /** Has a VM's main host begin to move its pages. @throws IOException saying why not, if that host refuses */
    void movePages(String host, UUID vm, MovePagesRequest request) throws IOException;

    /** Ends that: what has not moved stays where it is. @throws IOException saying why not, if that host refuses */
    void keepPages(String host, UUID vm, String from) throws IOException;

    /** What a host could lend now, in bytes. */
    long roomOf(String host) throws IOException;
}
