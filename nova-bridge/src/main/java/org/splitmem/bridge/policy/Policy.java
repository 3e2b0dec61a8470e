package org.splitmem.bridge.policy;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.splitmem.bridge.keystone.Identity;

/** The rules in force. They can be replaced while they are used. Any thread. */
public final class Policy {
    static final Set<String> TARGETS = Set.of("project_id", "user_id");
    private static final String OWN = "splitmem:";

    private volatile Map<String, Check> rules;

    private Policy(Map<String, Check> rules) {
        this.rules = rules;
    }

    /**
     * The defaults with overrides.
     *
     * @param overrides rule by name; names that do not begin with splitmem: are for references
     * @throws PolicyException naming the rule that cannot be followed
     */
    public static Policy of(Map<String, String> overrides) throws PolicyException {
        return new Policy(compile(overrides));
    }

    /** As in {@link #of}; if that fails all stays as it was. */
    void replace(Map<String, String> overrides) throws PolicyException {
        rules = compile(overrides);
    }

    private static Map<String, Check> compile(Map<String, String> overrides) throws PolicyException {
        Map<String, Check> compiled = new LinkedHashMap<>();
        Map<String, String> all = new LinkedHashMap<>(DefaultRules.texts());
        for (String name : overrides.keySet()) {
            if (name.startsWith(OWN) && !all.containsKey(name)) {
                throw new PolicyException("rule " + name + " is not known");
            }
        }
        all.putAll(overrides);
        for (Map.Entry<String, String> entry : all.entrySet()) {
            try {
                compiled.put(entry.getKey(), RuleParser.parse(entry.getValue()));
            } catch (PolicyException e) {
                throw new PolicyException("rule " + entry.getKey() + " is wrong: " + e.getMessage());
            }
        }
        for (String name : compiled.keySet()) {
            checkReferences(name, name, compiled, new HashSet<>());
        }
        return Map.copyOf(compiled);
    }

    private static void checkReferences(String start, String name, Map<String, Check> rules, Set<String> path)
            throws PolicyException {
        Check check = rules.get(name);
        if (check == null) {
            throw new PolicyException("rule " + start + " refers to rule:" + name + ", which is not there");
        }
        if (!path.add(name)) {
            throw new PolicyException("rule " + start + " refers to itself, by rule:" + name);
        }
        for (String reference : references(check)) {
            checkReferences(start, reference, rules, new HashSet<>(path));
        }
    }

    private static Set<String> references(Check check) {
        Set<String> found = new HashSet<>();
        if (check instanceof Check.Reference reference) {
            found.add(reference.name());
        } else if (check instanceof Check.Not not) {
            found.addAll(references(not.check()));
        } else if (check instanceof Check.All all) {
            all.checks().forEach(one -> found.addAll(references(one)));
        } else if (check instanceof Check.Any any) {
            any.checks().forEach(one -> found.addAll(references(one)));
        }
        return found;
    }

    /** Whether a caller may do something with what is of its own project: the first question about every request. */
    public boolean allows(String rule, Identity caller) {
        String project = caller.projectId();
        Map<String, String> own = project == null
                ? Map.of("user_id", caller.userId())
                : Map.of("project_id", project, "user_id", caller.userId());
        return allows(rule, caller, own);
    }

    /** @param target the object's project_id and user_id, as far as it has them */
    public boolean allows(String rule, Identity caller, Map<String, String> target) {
        Map<String, Check> now = rules;
        return Objects.requireNonNull(now.get(rule), rule).allows(new Check.Question(caller, target, now));
    }
}
