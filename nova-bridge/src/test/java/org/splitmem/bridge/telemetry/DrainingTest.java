package org.splitmem.bridge.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DrainingTest {
    @Test
    void itIsReadFromWhatSplitmemdSays() {
        String before = """
                # HELP splitmem_draining 1 while this host lends nothing new, as it is drained
                # TYPE splitmem_draining gauge
                """;

        assertThat(Draining.isSaidBy(before + "splitmem_draining 1.0\nsplitmem_leaving_bytes 0.0\n"))
                .isTrue();
        assertThat(Draining.isSaidBy(before + "splitmem_draining 0.0\n")).isFalse();
        assertThat(Draining.isSaidBy(before + "splitmem_draining 10.0\n")).isFalse();
        assertThat(Draining.isSaidBy("")).isFalse();
    }
}
