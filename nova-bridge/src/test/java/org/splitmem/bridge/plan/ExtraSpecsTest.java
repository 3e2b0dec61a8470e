package org.splitmem.bridge.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExtraSpecsTest {
    @Test
    void noneMeansTheDefaults() {
        assertThat(ExtraSpecs.of(Map.of("hw:cpu_policy", "shared")))
                .isEqualTo(new ExtraSpecs(false, Mode.AUTO, 1, 16, 1, null, false, Set.of(), Set.of()));
    }

    @Test
    void everyOneIsRead() {
        ExtraSpecs specs = ExtraSpecs.of(Map.of(
                "splitmem:enabled", "True",
                "splitmem:mode", "always",
                "splitmem:min_sub_hosts", "2",
                "splitmem:max_sub_hosts", "4",
                "splitmem:replicas", "2",
                "splitmem:aggregate", Hosts.AGGREGATE,
                "splitmem:handover", "complete"));

        assertThat(specs)
                .isEqualTo(new ExtraSpecs(true, Mode.ALWAYS, 2, 4, 2, Hosts.AGGREGATE, true, Set.of(), Set.of()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "splitmem:mode          | sometimes | one of [always, auto, never]",
                "splitmem:enabled       | maybe     | true or false",
                "splitmem:min_sub_hosts | 0         | a whole number from 1 to 16",
                "splitmem:max_sub_hosts | 17        | a whole number from 1 to 16",
                "splitmem:replicas      | many      | a whole number from 1 to 3",
                "splitmem:handover      | none      | one of [complete, hybrid]",
                "splitmem:colour        | red       | is not known",
            })
    void aWrongOneIsNamed(String key, String value, String allowed) {
        assertThatThrownBy(() -> ExtraSpecs.of(Map.of(key, value)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(key)
                .hasMessageContaining(allowed);
    }

    /** Nova keeps 255 characters of an error, with words of its own and of the driver before ours. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "splitmem:enabled",
                "splitmem:mode",
                "splitmem:min_sub_hosts",
                "splitmem:max_sub_hosts",
                "splitmem:replicas",
                "splitmem:handover"
            })
    void whatIsAllowedIsSaidHoweverLongTheValueIs(String key) {
        assertThatThrownBy(() -> ExtraSpecs.of(Map.of(key, "x".repeat(255))))
                .message()
                .startsWith("extra spec " + key + " = xxx")
                .contains("x...: must be ")
                .hasSizeLessThan(200);
        assertThatThrownBy(() -> ExtraSpecs.checkMainShare(Map.of("resources:MEMORY_MB", "9".repeat(255)), 512, 256))
                .message()
                .endsWith("...: must be a whole number of MB, from 1 to the flavor's RAM")
                .hasSizeLessThan(200);
    }

    @Test
    void theLeastNumberOfSubHostsIsNotAboveTheGreatest() {
        assertThatThrownBy(() -> ExtraSpecs.of(Map.of("splitmem:min_sub_hosts", "5", "splitmem:max_sub_hosts", "4")))
                .hasMessage(
                        "extra spec splitmem:min_sub_hosts = 5: must be at most splitmem:max_sub_hosts, which is 4");
    }
}
