package org.splitmem.bridge.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads a rule of oslo.policy: {@code role:x}, {@code rule:x}, {@code attribute:value}, {@code @}, {@code !}, with and, or, not and parentheses;
 * or binds less than and, and less than not.
 */
final class RuleParser {
    private static final Pattern TOKEN = Pattern.compile("\\s*([()]|[^\\s()]*%\\([a-z_]+\\)s|[^\\s()]+)");

    private final String rule;
    private final List<String> tokens = new ArrayList<>();
    private int next;

    private RuleParser(String rule) {
        this.rule = rule;
        Matcher matcher = TOKEN.matcher(rule.strip());
        while (matcher.find()) {
            tokens.add(matcher.group(1));
        }
    }

    /** @throws PolicyException saying what of it is wrong. An empty rule allows everything, as in oslo.policy */
    static Check parse(String rule) throws PolicyException {
        RuleParser parser = new RuleParser(rule);
        if (parser.tokens.isEmpty()) {
            return new Check.Constant(true);
        }
        Check check = parser.any();
        if (parser.next < parser.tokens.size()) {
            throw parser.wrong("'" + parser.tokens.get(parser.next) + "' was not expected");
        }
        return check;
    }

    private Check any() throws PolicyException {
        List<Check> checks = new ArrayList<>(List.of(all()));
        while (isWord("or")) {
            next++;
            checks.add(all());
        }
        return checks.size() == 1 ? checks.get(0) : new Check.Any(checks);
    }

    private Check all() throws PolicyException {
        List<Check> checks = new ArrayList<>(List.of(one()));
        while (isWord("and")) {
            next++;
            checks.add(one());
        }
        return checks.size() == 1 ? checks.get(0) : new Check.All(checks);
    }

    private boolean isWord(String word) {
        return next < tokens.size() && tokens.get(next).toLowerCase(Locale.ROOT).equals(word);
    }

    private Check one() throws PolicyException {
        if (next == tokens.size()) {
            throw wrong("it ends where a check is needed");
        }
        if (isWord("not")) {
            next++;
            return new Check.Not(one());
        }
        String token = tokens.get(next++);
        if (token.equals("(")) {
            Check inner = any();
            if (next == tokens.size() || !tokens.get(next++).equals(")")) {
                throw wrong("a ) is missing");
            }
            return inner;
        }
        return switch (token) {
            case "@" -> new Check.Constant(true);
            case "!" -> new Check.Constant(false);
            default -> named(token);
        };
    }

    private Check named(String token) throws PolicyException {
        int colon = token.indexOf(':');
        String kind = colon < 0 ? "" : token.substring(0, colon);
        String value = token.substring(colon + 1);
        if (value.isEmpty() || kind.isEmpty()) {
            throw wrong("'" + token + "' is not a check");
        }
        if (kind.equals("role")) {
            return new Check.Role(value);
        }
        if (kind.equals("rule")) {
            return new Check.Reference(value);
        }
        if (!Check.ATTRIBUTES.contains(kind)) {
            throw wrong("'" + kind + "' is none of role, rule, "
                    + String.join(", ", Check.ATTRIBUTES.stream().sorted().toList()));
        }
        boolean placeholder = value.contains("%");
        Matcher target = Check.Attribute.PLACEHOLDER.matcher(value);
        if (placeholder && !(target.matches() && Policy.TARGETS.contains(target.group(1)))) {
            throw wrong("'" + value + "': what is compared with has project_id and user_id");
        }
        return new Check.Attribute(kind, value);
    }

    private PolicyException wrong(String what) {
        return new PolicyException("\"" + rule + "\": " + what);
    }
}
