package org.splitmem.model;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PlainTextTest {
    @Test
    void whatSteersATerminalOrEndsALineIsAQuestionMark() {
        assertThat(PlainText.line("a\nb\rc\u001b[31md\u0085e\u2028f\u202eg\u0000"))
                .isEqualTo("a?b?c?[31md?e?f?g?");
    }

    @Test
    void everyOtherCharacterStays() {
        String text = "win 11 – büro <test> 数据库 👩\u200d🚀";

        assertThat(PlainText.line(text)).isEqualTo(text);
    }
}
