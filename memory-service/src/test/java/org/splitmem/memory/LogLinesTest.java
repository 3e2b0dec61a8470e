package org.splitmem.memory;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import ch.qos.logback.core.OutputStreamAppender;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A log line is a record of this daemon: what others name their VMs and hosts cannot make one, nor steer a terminal. */
class LogLinesTest {
    private static final String FORGED =
            "db1\n2026-01-01T00:00:00.000 INFO  Vm [-] vm=x freed\r\u001b[2J\u0085a\u2028b\u202ec";

    private static String logged(Path file, String message, @Nullable Throwable failure, Object... arguments)
            throws Exception {
        LoggerContext context = new LoggerContext();
        context.setMDCAdapter(new LogbackMDCAdapter());
        JoranConfigurator configurator = new JoranConfigurator();
        configurator.setContext(context);
        configurator.doConfigure(file.toFile());
        var appender =
                (OutputStreamAppender<ILoggingEvent>) context.getLogger("ROOT").getAppender("STDERR");
        var event = new LoggingEvent("test", context.getLogger("Vm"), Level.INFO, message, failure, arguments);
        return new String(appender.getEncoder().encode(event), StandardCharsets.UTF_8);
    }

    static Stream<Path> configurations() {
        Path module = Path.of(System.getProperty("basedir", "."));
        return Stream.of(module, module.resolve("../nova-bridge"))
                .map(program -> program.resolve("src/main/resources/logback.xml"));
    }

    @ParameterizedTest
    @MethodSource("configurations")
    void aMessageIsOneLineWhateverIsInIt(Path file) throws Exception {
        String line = logged(file, "vm={} starts here", null, FORGED);

        assertThat(line).endsWith(" starts here\n").containsOnlyOnce("\n").doesNotContain("\r", "\u001b", "\u0085");
        assertThat(line).doesNotContain("\u2028", "\u202e");
        assertThat(logged(file, "{}", null, "数据库 🐘 ü")).endsWith(" 数据库 🐘 ü\n");
    }

    @ParameterizedTest
    @MethodSource("configurations")
    void theLinesOfAFailureAreSeenToBePartsOfItsRecord(Path file) throws Exception {
        String text = logged(file, "GET failed", new IllegalStateException("VM " + FORGED, new IOException(FORGED)));

        List<String> lines = text.lines().toList();
        assertThat(lines.get(0)).endsWith("GET failed");
        assertThat(lines.subList(1, lines.size()))
                .hasSizeGreaterThan(4)
                .allSatisfy(line -> assertThat(line).startsWith("    "));
        assertThat(text).doesNotContain("\r", "\u001b", "\u0085", "\u2028", "\u202e");
        assertThat(text).contains("Caused by: java.io.IOException").contains("\tat org.splitmem");
    }
}
