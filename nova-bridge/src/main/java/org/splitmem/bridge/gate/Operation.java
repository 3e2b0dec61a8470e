package org.splitmem.bridge.gate;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** All that can be asked: how, by the policy's rule, and with which parameters. Nothing else reaches a resource. */
public enum Operation {
    VERSIONS("GET", "/"),
    HEALTH("GET", "/healthz"),
    READINESS("GET", "/readyz"),
    METRICS("GET", "/metrics"),
    DESCRIPTION("GET", "/v1/openapi.json"),
    LIST_MIGRATIONS(
            "GET",
            "/v1/migrations",
            "splitmem:migrations:list",
            "instance_uuid",
            "status",
            "source",
            "limit",
            "marker"),
    SHOW_MIGRATION("GET", "/v1/migrations/{id}", "splitmem:migrations:show"),
    CREATE_MIGRATION("POST", "/v1/migrations", "splitmem:migrations:create"),
    START_MIGRATION("POST", "/v1/migrations/{id}/start", "splitmem:migrations:start"),
    FORCE_COMPLETE_MIGRATION("POST", "/v1/migrations/{id}/force-complete", "splitmem:migrations:force_complete"),
    ABORT_MIGRATION("DELETE", "/v1/migrations/{id}", "splitmem:migrations:abort"),
    LIST_VMS("GET", "/v1/vms", "splitmem:vms:list"),
    SHOW_VM("GET", "/v1/vms/{uuid}", "splitmem:vms:show"),
    SET_PLACEMENT("PUT", "/v1/vms/{uuid}/placement", "splitmem:placements:set"),
    DELETE_PLACEMENT("DELETE", "/v1/vms/{uuid}/placement", "splitmem:placements:delete", "host"),
    LIST_EVENTS("GET", "/v1/events", "splitmem:events:list", "instance_uuid", "since", "limit", "marker"),
    LIST_HOSTS("GET", "/v1/hosts", "splitmem:hosts:list"),
    REGISTER_HOST("PUT", "/v1/hosts/{name}", "splitmem:hosts:register"),
    FORGET_HOST("DELETE", "/v1/hosts/{name}", "splitmem:hosts:delete"),
    SHOW_DRAIN("GET", "/v1/hosts/{name}/drain", "splitmem:drains:show"),
    BEGIN_DRAIN("POST", "/v1/hosts/{name}/drain", "splitmem:drains:begin"),
    CANCEL_DRAIN("DELETE", "/v1/hosts/{name}/drain", "splitmem:drains:cancel"),
    CREATE_PLAN("POST", "/v1/plans", "splitmem:plans:create");

    private static final Set<Operation> WITH_BODY =
            EnumSet.of(CREATE_MIGRATION, SET_PLACEMENT, CREATE_PLAN, REGISTER_HOST);

    private final String method;
    private final String path;
    private final @Nullable String rule;

    @SuppressWarnings("ImmutableEnumChecker") // made by Set.of
    private final Set<String> parameters;

    Operation(String method, String path) {
        this(method, path, null);
    }

    Operation(String method, String path, @Nullable String rule, String... parameters) {
        this.method = method;
        this.path = path;
        this.rule = rule;
        this.parameters = Set.of(parameters);
    }

    /** As in {@code get /v1/vms/{uuid}}. */
    public String signature() {
        return method.toLowerCase(Locale.ROOT) + " " + path;
    }

    /** Of the policy; absent for what needs no token. */
    public @Nullable String rule() {
        return rule;
    }

    public Set<String> parameters() {
        return parameters;
    }

    boolean hasBody() {
        return WITH_BODY.contains(this);
    }

    /** Whether it is asked for to change something. */
    boolean isChange() {
        return !method.equals("GET") && this != CREATE_PLAN;
    }

    /** Whether what was answered belongs into the audit log: a host that registers anew as it was, each minute, does not. */
    boolean isAudited(Reply reply) {
        return isChange() && (this != REGISTER_HOST || reply.status() >= 400 || reply.object() != null);
    }

    /** @param path decoded; HEAD is asked as GET is */
    public static Optional<Operation> of(String method, String path) {
        String asked = method.equals("HEAD") ? "GET" : method;
        return at(path).stream().filter(one -> one.method.equals(asked)).findFirst();
    }

    /** What can be asked at a path, by whatever method. */
    static List<Operation> at(String path) {
        String[] segments = segments(path);
        return Arrays.stream(values()).filter(one -> one.matches(segments)).toList();
    }

    String method() {
        return method;
    }

    private static String[] segments(String path) {
        return path.replaceAll("^/+|/+$", "").split("/", -1);
    }

    private boolean matches(String[] segments) {
        String[] own = segments(path);
        if (own.length != segments.length) {
            return false;
        }
        for (int i = 0; i < own.length; i++) {
            boolean fits = own[i].startsWith("{") ? !segments[i].isEmpty() : own[i].equals(segments[i]);
            if (!fits) {
                return false;
            }
        }
        return true;
    }
}
