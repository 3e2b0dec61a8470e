package org.splitmem.bridge.policy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The rules that hold unless the policy file has others. docs/BRIDGE-API.md lists the same; a test compares. */
public final class DefaultRules {
    private static final String OPERATORS = "rule:admin_or_service";
    private static final String WHOLE_CLOUD = "rule:admin_or_service or rule:system_reader";
    private static final String LOOKS = "rule:admin_or_service or rule:system_reader or rule:project_reader";

    /**
     * A rule.
     *
     * @param text in the form of oslo.policy
     */
    public record Rule(String name, String text, String description) {}

    private static final List<Rule> ALL = List.of(
            new Rule("admin_or_service", "role:admin or role:service", "administrators, and Nova's own user"),
            new Rule("system_reader", "role:reader and system_scope:all", "readers of the whole system"),
            new Rule(
                    "project_reader",
                    "(role:reader or role:member or role:manager) and project_id:%(project_id)s",
                    "those who may look at what is their project's"),
            new Rule("splitmem:migrations:list", LOOKS, "GET /v1/migrations"),
            new Rule("splitmem:migrations:show", LOOKS, "GET /v1/migrations/{id}"),
            new Rule("splitmem:migrations:create", OPERATORS, "POST /v1/migrations"),
            new Rule("splitmem:migrations:start", OPERATORS, "POST /v1/migrations/{id}/start"),
            new Rule("splitmem:migrations:force_complete", OPERATORS, "POST /v1/migrations/{id}/force-complete"),
            new Rule("splitmem:migrations:abort", OPERATORS, "DELETE /v1/migrations/{id}"),
            new Rule("splitmem:vms:list", LOOKS, "GET /v1/vms"),
            new Rule("splitmem:vms:show", LOOKS, "GET /v1/vms/{uuid}"),
            new Rule("splitmem:placements:set", OPERATORS, "PUT /v1/vms/{uuid}/placement"),
            new Rule("splitmem:placements:delete", OPERATORS, "DELETE /v1/vms/{uuid}/placement"),
            new Rule("splitmem:events:list", LOOKS, "GET /v1/events"),
            new Rule("splitmem:hosts:list", WHOLE_CLOUD, "GET /v1/hosts"),
            new Rule("splitmem:hosts:register", "role:service", "PUT /v1/hosts/{name}"),
            new Rule("splitmem:hosts:delete", OPERATORS, "DELETE /v1/hosts/{name}"),
            new Rule("splitmem:drains:show", WHOLE_CLOUD, "GET /v1/hosts/{name}/drain"),
            new Rule("splitmem:drains:begin", OPERATORS, "POST /v1/hosts/{name}/drain"),
            new Rule("splitmem:drains:cancel", OPERATORS, "DELETE /v1/hosts/{name}/drain"),
            new Rule("splitmem:plans:create", WHOLE_CLOUD, "POST /v1/plans"),
            new Rule("splitmem:all_projects", WHOLE_CLOUD, "sees what is of other projects, too"),
            new Rule("splitmem:host_names", WHOLE_CLOUD, "sees hosts by name, and why what was refused"),
            new Rule("splitmem:requests:unlimited", WHOLE_CLOUD, "has threads apart from tenants', and no budget"));

    private DefaultRules() {}

    /** In the order in which they are documented. */
    public static List<Rule> all() {
        return new ArrayList<>(ALL);
    }

    static Map<String, String> texts() {
        Map<String, String> texts = new LinkedHashMap<>();
        ALL.forEach(rule -> texts.put(rule.name(), rule.text()));
        return texts;
    }
}
