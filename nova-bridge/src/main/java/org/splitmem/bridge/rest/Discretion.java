package org.splitmem.bridge.rest;

import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerResponseContext;
import jakarta.ws.rs.container.ContainerResponseFilter;
import java.util.Map;
import java.util.Set;

/**
 * What a failure says to those who do not see hosts: its code, and a sentence that names none.
 *
 * <p>Messages are made of what hosts, Placement and libraries say, so only those that are known to come from the request alone pass.
 */
final class Discretion implements ContainerResponseFilter {
    private static final Set<String> OF_THE_REQUEST = Set.of(
            "invalid-json",
            "invalid-uuid",
            "invalid-parameter",
            "invalid-extra-spec",
            "unsupported-version",
            "forbidden",
            "not-found",
            "method-not-allowed",
            "unsupported-media-type",
            "not-acceptable",
            "migration-not-found",
            "vm-not-found",
            "database-failed",
            "internal");

    private static final Map<String, String> SENTENCES = Map.of(
            "no-sub-hosts", "there is no room on other hosts now",
            "no-room", "there is no room now",
            "already-split", "what is booked for the VM is just being corrected",
            "destination-is-sub-host", "the destination keeps memory of the VM",
            "migration-running", "the instance has a migration that is not over",
            "handed-over", "the VM runs at the destination already",
            "not-planned", "the migration is not planned any more",
            "not-running", "the migration does not run");

    private final Access access;

    Discretion(Access access) {
        this.access = access;
    }

    @Override
    public void filter(ContainerRequestContext request, ContainerResponseContext response) {
        if (response.getEntity() instanceof Bodies.ErrorBody error
                && !OF_THE_REQUEST.contains(error.error().reason())
                && access.hostNames(request) == HostNames.HIDDEN) {
            Bodies.ErrorDetail all = error.error();
            String sentence = SENTENCES.getOrDefault(
                    all.reason(), "this cannot be done now; administrators find why under the request's id");
            response.setEntity(
                    new Bodies.ErrorBody(new Bodies.ErrorDetail(all.code(), all.title(), sentence, all.reason())));
        }
    }
}
