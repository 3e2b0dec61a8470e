package org.splitmem.bridge.policy;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.keystone.Identity;

/** A rule that has been read. Immutable. */
sealed interface Check {
    /** What is compared of a caller besides its roles. */
    Set<String> ATTRIBUTES = Set.of("user_id", "project_id", "system_scope");

    /**
     * What a rule is asked about.
     *
     * @param target attributes of the object
     * @param rules for references
     */
    record Question(Identity caller, Map<String, String> target, Map<String, Check> rules) {
        @Nullable
        String attribute(String name) {
            return switch (name) {
                case "user_id" -> caller.userId();
                case "project_id" -> caller.projectId();
                case "system_scope" -> caller.system() ? "all" : null;
                default -> null;
            };
        }
    }

    boolean allows(Question question);

    /** {@code @} or {@code !}. */
    record Constant(boolean answer) implements Check {
        @Override
        public boolean allows(Question question) {
            return answer;
        }
    }

    /** {@code role:admin}; case does not matter, as in oslo.policy. */
    record Role(String name) implements Check {
        @Override
        public boolean allows(Question question) {
            return question.caller().roles().stream()
                    .anyMatch(role -> role.toLowerCase(Locale.ROOT).equals(name.toLowerCase(Locale.ROOT)));
        }
    }

    /** {@code rule:other}. */
    record Reference(String name) implements Check {
        @Override
        public boolean allows(Question question) {
            return Objects.requireNonNull(question.rules().get(name)).allows(question);
        }
    }

    /** {@code project_id:%(project_id)s}, or with a plain value after the colon. */
    record Attribute(String name, String value) implements Check {
        static final Pattern PLACEHOLDER = Pattern.compile("%\\(([a-z_]+)\\)s");

        @Override
        public boolean allows(Question question) {
            Matcher matcher = PLACEHOLDER.matcher(value);
            String wanted = matcher.matches() ? question.target().get(matcher.group(1)) : value;
            return wanted != null && wanted.equals(question.attribute(name));
        }
    }

    /** {@code not x}. */
    record Not(Check check) implements Check {
        @Override
        public boolean allows(Question question) {
            return !check.allows(question);
        }
    }

    /** {@code x and y}. */
    record All(List<Check> checks) implements Check {
        @Override
        public boolean allows(Question question) {
            return checks.stream().allMatch(check -> check.allows(question));
        }
    }

    /** {@code x or y}. */
    record Any(List<Check> checks) implements Check {
        @Override
        public boolean allows(Question question) {
            return checks.stream().anyMatch(check -> check.allows(question));
        }
    }
}
