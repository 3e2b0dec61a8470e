package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QemuNameTest {
    private static String in(String options) {
        return QemuName.in(new String[] {"qemu-system-x86_64", "-name", options, "-S"})
                .orElse("(none)");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "guest=db1                          | db1",
                "guest=db1,debug-threads=on         | db1",
                "debug-threads=on,guest=db1         | db1",
                "guest=a,,b,debug-threads=on        | a,b",
                "guest=a,,b,,,,c=d,debug-threads=on | a,b,,c=d",
                "guest=,,,debug-threads=on          | ,",
                "guest=a,,                          | a,",
                "guest=a=guest=b                    | a=guest=b",
                "guest=x,,guest=y                   | x,guest=y",
                "guest=a,guest=b                    | b",
                "db1                                | db1",
                "db1,debug-threads=on               | db1",
                "process=qemu                       | (none)",
                "guest=                             | (none)",
                "guest=win 11                       | win 11",
                "guest=数据库🐘                      | 数据库🐘",
            })
    void theNameIsReadAsQemuReadsIt(String options, String name) {
        assertThat(in(options)).isEqualTo(name);
    }

    @Test
    void ofSeveralTheLastCounts() {
        assertThat(QemuName.in(new String[] {"q", "-name", "guest=a", "-name", "debug-threads=on", "-name", "guest=b"}))
                .contains("b");
    }

    @Test
    void whatIsNoNameIsNone() {
        assertThat(QemuName.in(new String[] {"q", "-name"})).isEmpty();
        assertThat(QemuName.in(new String[] {"q", "-uuid", "guest=db1"})).isEmpty();
        assertThat(in("guest=" + "x".repeat(2000))).isEqualTo("(none)");
        assertThat(QemuName.of(Integer.MAX_VALUE)).isEmpty();
    }

    @Test
    void theNameOfAProcessIsFound() throws Exception {
        Process process =
                new ProcessBuilder("sh", "-c", "read x", "sh", "-name", "guest=a,,b,debug-threads=on").start();
        try {
            assertThat(QemuName.of((int) process.pid())).contains("a,b");
        } finally {
            process.destroy();
        }
    }
}
