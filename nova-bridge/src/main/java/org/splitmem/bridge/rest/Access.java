package org.splitmem.bridge.rest;

import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerRequestFilter;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.config.BridgeConfig;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.keystone.Identity;
import org.splitmem.bridge.keystone.TokenValidator;

/**
 * Who may do what.
 *
 * <p>Readers may look, and unless their role is for the whole cloud only at what is their project's; whoever may write may do and see all.
 */
public final class Access implements ContainerRequestFilter {
    private static final String IDENTITY = "splitmem.identity";
    private static final Set<String> OPEN = Set.of("", "healthz", "readyz", "metrics", "v1/openapi.json");

    private final TokenValidator tokens;
    private final BridgeConfig.Policy policy;
    private final String keystoneUrl;

    public Access(TokenValidator tokens, BridgeConfig.Policy policy, String keystoneUrl) {
        this.tokens = tokens;
        this.policy = policy;
        this.keystoneUrl = keystoneUrl;
    }

    @Override
    public void filter(ContainerRequestContext request) {
        String path = request.getUriInfo().getPath().replaceAll("^/+|/+$", "");
        if (OPEN.contains(path)) {
            return;
        }
        Identity identity = identity(request);
        boolean reads = request.getMethod().equals("GET") || path.equals("v1/plans");
        if (!hasAny(identity, reads ? policy.read() : policy.write())) {
            throw new ApiError(
                    403,
                    "forbidden",
                    "this needs one of the roles " + (reads ? policy.read() : policy.write()) + "; the token has "
                            + identity.roles());
        }
        request.setProperty(IDENTITY, identity);
    }

    private Identity identity(ContainerRequestContext request) {
        String token = request.getHeaderString("X-Auth-Token");
        if (token == null) {
            throw unauthorized("a token is needed, as X-Auth-Token");
        }
        try {
            return tokens.identify(token, request.getHeaderString("X-Service-Token"))
                    .orElseThrow(() -> unauthorized("the token is not valid, or no longer"));
        } catch (ServiceException e) {
            throw new ApiError(503, "keystone-failed", "tokens cannot be checked now: " + e.text());
        }
    }

    private ApiError unauthorized(String message) {
        return new ApiError(
                message,
                ApiError.response(401, "unauthorized", message)
                        .header("WWW-Authenticate", "Keystone uri=\"" + keystoneUrl + "\"")
                        .build());
    }

    private static boolean hasAny(Identity identity, Set<String> roles) {
        return identity.roles().stream().anyMatch(roles::contains);
    }

    /** The only project whose things may be shown; absent: all. */
    @Nullable
    String onlyProject(ContainerRequestContext request) {
        Identity identity = (Identity) request.getProperty(IDENTITY);
        if (identity.system() || hasAny(identity, policy.write())) {
            return null;
        }
        String project = identity.projectId();
        return project == null ? "" : project;
    }

    /** For what is of no project: refuses callers who may see one project only. */
    void requireWholeCloud(ContainerRequestContext request) {
        if (onlyProject(request) != null) {
            throw new ApiError(403, "forbidden", "this needs a role for the whole system, or one of " + policy.write());
        }
    }
}
