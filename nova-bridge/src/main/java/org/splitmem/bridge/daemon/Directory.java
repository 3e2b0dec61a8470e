package org.splitmem.bridge.daemon;

import java.util.List;
import java.util.Optional;

/** Which hosts have a splitmemd, and where. May change at any time. Any thread. */
public interface Directory {
    /** All, each name once, by name. */
    List<HostAddress> hosts();

    /** Empty if there is none of that name. */
    Optional<HostAddress> find(String name);
}
