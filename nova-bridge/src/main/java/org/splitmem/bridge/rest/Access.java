package org.splitmem.bridge.rest;

import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerRequestFilter;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.gate.Incoming;
import org.splitmem.bridge.gate.Operation;
import org.splitmem.bridge.keystone.Identity;
import org.splitmem.bridge.policy.Policy;
import org.splitmem.model.RefusalCode;

/** What the caller of a request may see and do, beyond what the gate has asked already. */
public final class Access implements ContainerRequestFilter {
    /** Property: the request as the gate has let it in. */
    static final String INCOMING = "splitmem.incoming";

    /** Property: what a change was made to, for the audit log. */
    static final String OBJECT = "splitmem.object";

    private final Policy policy;

    public Access(Policy policy) {
        this.policy = policy;
    }

    /** The gate asked the policy about one operation: no other is carried out, however differently paths may be read here. */
    @Override
    public void filter(ContainerRequestContext request) {
        Optional<Operation> here =
                Operation.of(request.getMethod(), "/" + request.getUriInfo().getPath());
        if (!here.equals(Optional.of(incoming(request).operation()))) {
            throw new ApiError(RefusalCode.NOT_FOUND, "there is no such path; /v1/openapi.json lists what there is");
        }
    }

    private static Incoming incoming(ContainerRequestContext request) {
        if (request.getProperty(INCOMING) instanceof Incoming incoming) {
            return incoming;
        }
        throw new IllegalStateException("a request that did not come through the gate");
    }

    private static Identity identity(ContainerRequestContext request) {
        Identity identity = incoming(request).identity();
        if (identity == null) {
            throw new IllegalStateException("a request that nobody was asked about");
        }
        return identity;
    }

    /** The only project whose things may be shown; absent: all. */
    @Nullable
    String onlyProject(ContainerRequestContext request) {
        Identity identity = identity(request);
        if (policy.allows("splitmem:all_projects", identity)) {
            return null;
        }
        String project = identity.projectId();
        return project == null ? "" : project;
    }

    /** How this caller sees hosts. Also for what needs no token. */
    HostNames hostNames(ContainerRequestContext request) {
        Identity identity = incoming(request).identity();
        return identity != null && policy.allows("splitmem:host_names", identity) ? HostNames.SHOWN : HostNames.HIDDEN;
    }

    /** Asks the policy about an object, now that its project is known. */
    boolean allows(ContainerRequestContext request, @Nullable String projectId, @Nullable String userId) {
        String rule = incoming(request).operation().rule();
        Map<String, String> target = new HashMap<>();
        if (projectId != null) {
            target.put("project_id", projectId);
        }
        if (userId != null) {
            target.put("user_id", userId);
        }
        return rule != null && policy.allows(rule, identity(request), target);
    }

    /** @throws ApiError 403 if the policy does not allow the operation with what is of that project */
    void require(ContainerRequestContext request, @Nullable String projectId, @Nullable String userId) {
        if (!allows(request, projectId, userId)) {
            throw new ApiError(
                    RefusalCode.FORBIDDEN,
                    "the policy's rule " + incoming(request).operation().rule() + " does not allow this");
        }
    }
}
