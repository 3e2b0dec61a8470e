package org.splitmem.bridge.rest;

import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerResponseContext;
import jakarta.ws.rs.container.ContainerResponseFilter;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.splitmem.model.RefusalCode;

/**
 * What a failure says to those who do not see hosts: its code, and a sentence that names none.
 *
 * <p>Messages are made of what hosts, Placement and libraries say, so only those that are known to come from the request alone pass.
 */
final class Discretion implements ContainerResponseFilter {
    private static final Set<RefusalCode> OF_THE_REQUEST = EnumSet.of(
            RefusalCode.INVALID_JSON,
            RefusalCode.INVALID_UUID,
            RefusalCode.INVALID_PARAMETER,
            RefusalCode.INVALID_EXTRA_SPEC,
            RefusalCode.UNSUPPORTED_VERSION,
            RefusalCode.FORBIDDEN,
            RefusalCode.NOT_FOUND,
            RefusalCode.METHOD_NOT_ALLOWED,
            RefusalCode.UNSUPPORTED_MEDIA_TYPE,
            RefusalCode.NOT_ACCEPTABLE,
            RefusalCode.MIGRATION_NOT_FOUND,
            RefusalCode.VM_NOT_FOUND,
            RefusalCode.DATABASE_FAILED,
            RefusalCode.INTERNAL);

    private static final Map<RefusalCode, String> SENTENCES = Map.of(
            RefusalCode.NO_SUB_HOSTS, "there is no room on other hosts now",
            RefusalCode.NO_ROOM, "there is no room now",
            RefusalCode.ALREADY_SPLIT, "what is booked for the VM is just being corrected",
            RefusalCode.BEING_EMPTIED, "memory of the VM is just being moved to another host",
            RefusalCode.MIGRATION_RUNNING, "the instance has a migration that is not over",
            RefusalCode.HANDED_OVER, "the VM runs at the destination already",
            RefusalCode.NOT_PLANNED, "the migration is not planned any more",
            RefusalCode.NOT_RUNNING, "the migration does not run");

    private static final String OTHERWISE = "this cannot be done now; administrators find why under the request's id";

    private final Access access;

    Discretion(Access access) {
        this.access = access;
    }

    @Override
    public void filter(ContainerRequestContext request, ContainerResponseContext response) {
        if (response.getEntity() instanceof Bodies.ErrorBody error && access.hostNames(request) == HostNames.HIDDEN) {
            Bodies.ErrorDetail all = error.error();
            RefusalCode code = RefusalCode.of(all.reason()).orElse(null);
            if (code != null && OF_THE_REQUEST.contains(code)) {
                return;
            }
            String sentence = code == null ? OTHERWISE : SENTENCES.getOrDefault(code, OTHERWISE);
            response.setEntity(
                    new Bodies.ErrorBody(new Bodies.ErrorDetail(all.code(), all.title(), sentence, all.reason())));
        }
    }
}
