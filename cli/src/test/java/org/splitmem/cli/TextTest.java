package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.model.LatencyUs;

class TextTest {
    @ParameterizedTest
    @CsvSource({"25.4, 25 us", "1300, 1.3 ms", "2000000, 2.0 s"})
    void timesHaveTheUnitThatFits(double us, String text) {
        assertThat(Text.micros(us)).isEqualTo(text);
    }

    @Test
    void latenciesAreSaidToBeMissing() {
        assertThat(Text.latencies(LatencyUs.NONE)).isEqualTo("none measured yet");
    }

    @Test
    void sharesOfNothingAreLeftOut() {
        assertThat(Text.sizeAndShare(0, 0)).isEqualTo("0 B");
        assertThat(Text.sizeAndShare(512, 2048)).isEqualTo("512 B (25%)");
    }

    @Test
    void aTableIsAsWideAsItsTexts() {
        var text = new StringWriter();
        var table = new Table("nothing", "NAME", ">SIZE", "STATE");
        table.row("vm1", "1.0 GiB", "");
        table.row("a-longer-name", "7 B", "local");

        table.print(new PrintWriter(text, true));

        assertThat(text.toString().lines())
                .containsExactly(
                        "NAME              SIZE  STATE", "vm1            1.0 GiB", "a-longer-name      7 B  local");
    }

    @Test
    void anEmptyTableIsASentence() {
        var text = new StringWriter();

        new Table("no VMs", "NAME").print(new PrintWriter(text, true));

        assertThat(text.toString()).isEqualTo("no VMs\n");
    }

    @Test
    void aRowHasTheTablesColumns() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Table("", "A", "B").row("1"));
    }
}
