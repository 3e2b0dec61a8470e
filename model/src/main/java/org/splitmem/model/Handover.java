package org.splitmem.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How the destination becomes the owner of a VM's memory. */
public enum Handover {
    /** The destination's vCPUs start as soon as it knows which pages are still to come; those are fetched on demand and pushed. */
    @JsonProperty("hybrid")
    HYBRID,
    /** The destination's vCPUs start when every page is in its place: longer downtime, and no dependence on the source afterwards. */
    @JsonProperty("complete")
    COMPLETE
}
