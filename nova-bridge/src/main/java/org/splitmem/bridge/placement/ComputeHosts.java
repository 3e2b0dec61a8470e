package org.splitmem.bridge.placement;

import java.util.Map;

/** Which compute host a resource provider is: Nova names providers after hypervisors, whose names may be others. Any thread. */
public interface ComputeHosts {
    /** The names of compute hosts by those of their providers. A provider that is not among them has its host's name. */
    Map<String, String> byProvider();
}
