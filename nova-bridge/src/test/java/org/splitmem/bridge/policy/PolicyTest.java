package org.splitmem.bridge.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.bridge.keystone.Identity;

class PolicyTest {
    private static final String RULE = "splitmem:migrations:abort";

    @TempDir
    Path directory;

    private static Identity caller(@Nullable String project, boolean system, String... roles) {
        return new Identity("u1", "alice", project, project, system, Set.of(roles), Instant.MAX);
    }

    @ParameterizedTest
    @CsvSource({
        "role:admin,                                       true",
        "role:ADMIN,                                       true",
        "role:member,                                      false",
        "not role:member,                                  true",
        "not (role:member or role:admin),                  false",
        "role:member or role:admin and project_id:p2,      false",
        "(role:member or role:admin) and project_id:p1,    true",
        "project_id:%(project_id)s,                        true",
        "user_id:%(user_id)s,                              false",
        "system_scope:all,                                 false",
        "rule:admin_or_service AND user_id:u1,             true",
        "@,                                                true",
        "!,                                                false",
        "'',                                               true",
    })
    void aRuleOfOsloPolicyMeansWhatItMeansThere(String rule, boolean allowed) throws Exception {
        Policy policy = Policy.of(Map.of(RULE, rule));

        assertThat(policy.allows(RULE, caller("p1", false, "admin"), Map.of("project_id", "p1", "user_id", "another")))
                .isEqualTo(allowed);
    }

    @Test
    void whatATargetDoesNotHaveEqualsNothing() throws Exception {
        Policy policy = Policy.of(Map.of(RULE, "project_id:%(project_id)s"));

        assertThat(policy.allows(RULE, caller(null, true, "admin"), Map.of())).isFalse();
        assertThat(policy.allows(RULE, caller("p1", false, "admin"), Map.of())).isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "splitmem:migrations:abort | roll:admin              | 'roll' is none of role, rule",
                "splitmem:migrations:abort | role:admin or           | it ends where a check is needed",
                "splitmem:migrations:abort | (role:admin             | a ) is missing",
                "splitmem:migrations:abort | role:admin role:member  | 'role:member' was not expected",
                "splitmem:migrations:abort | admin                   | 'admin' is not a check",
                "splitmem:migrations:abort | rule:nobody             | rule:nobody, which is not there",
                "splitmem:migrations:abort | rule:splitmem:migrations:abort | refers to itself",
                "splitmem:migrations:abort | project_id:%(colour)s   | project_id and user_id",
                "splitmem:migrations:abbot | role:admin              | is not known",
            })
    void aWrongRuleIsNamed(String name, String rule, String words) {
        assertThatThrownBy(() -> Policy.of(Map.of(name, rule)))
                .isInstanceOf(PolicyException.class)
                .hasMessageContaining(name)
                .hasMessageContaining(words);
    }

    @Test
    void byDefaultTheRolesOfOpenStackMayWhatTheyMayElsewhere() throws Exception {
        Policy policy = Policy.of(Map.of());

        for (String rule : new String[] {"splitmem:migrations:create", "splitmem:placements:set", RULE}) {
            assertThat(policy.allows(rule, caller("service", false, "service"))).isTrue();
            assertThat(policy.allows(rule, caller("p1", false, "admin"))).isTrue();
            assertThat(policy.allows(rule, caller("p1", false, "manager", "member", "reader")))
                    .isFalse();
            assertThat(policy.allows(rule, caller(null, true, "reader"))).isFalse();
        }
        for (String rule : new String[] {"splitmem:migrations:list", "splitmem:vms:show", "splitmem:events:list"}) {
            assertThat(policy.allows(rule, caller("p1", false, "member"))).isTrue();
            assertThat(policy.allows(rule, caller("p1", false, "reader"), Map.of("project_id", "p2")))
                    .isFalse();
            assertThat(policy.allows(rule, caller(null, true, "reader"))).isTrue();
            assertThat(policy.allows(rule, caller("p1", false, "guest"))).isFalse();
        }
        assertThat(policy.allows("splitmem:host_names", caller("p1", false, "manager")))
                .isFalse();
    }

    @Test
    void aFileOverridesAndIsReadAgainWhenItChanges() throws Exception {
        Path file = Files.writeString(
                directory.resolve("policy.yaml"),
                "# ours\n\"operators\": \"role:cloud_operator\"\n\"" + RULE + "\": \"rule:operators\"\n");
        PolicyFile policy = PolicyFile.load(file);
        Identity operator = caller("p1", false, "cloud_operator");
        assertThat(policy.policy().allows(RULE, operator)).isTrue();

        Files.writeString(file, "\"" + RULE + "\": \"roll:x\"\n");
        policy.reload();
        assertThat(policy.policy().allows(RULE, operator))
                .as("a wrong file changes nothing")
                .isTrue();

        Files.writeString(file, "# nothing but a comment\n");
        policy.reload();
        assertThat(policy.policy().allows(RULE, operator)).isFalse();
        assertThat(policy.policy().allows(RULE, caller("p1", false, "admin"))).isTrue();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'\"splitmem:migrations:abort\": [1]'            | splitmem:migrations:abort",
                "'\"splitmem:migrations:abort\": null'           | splitmem:migrations:abort",
                "'\"splitmem:migrations:abort\": 7'              | splitmem:migrations:abort",
                "- a                                             | not a list of",
                "'\"a\": \"@\"\n\"a\": \"!\"'                    | Duplicate",
                "'\"a: b'                                        | policy.file",
            })
    void aFileThatIsNoPolicyIsRefused(String yaml, String words) throws Exception {
        Path file = Files.writeString(directory.resolve("policy.yaml"), yaml + "\n");

        assertThatThrownBy(() -> PolicyFile.load(file))
                .isInstanceOf(PolicyException.class)
                .hasMessageContaining("policy.yaml")
                .hasMessageContaining(words);
        assertThatThrownBy(() -> PolicyFile.load(directory.resolve("none"))).hasMessageContaining("cannot be read");
    }

    @Test
    void everyRuleIsDocumentedAsItIs() throws Exception {
        String documentation = Files.readString(Path.of("..", "docs", "BRIDGE-API.md"));

        assertThat(DefaultRules.all())
                .allSatisfy(rule -> assertThat(documentation)
                        .contains("| `" + rule.name() + "` | `" + rule.text() + "` | " + rule.description() + " |"));
    }
}
