package org.splitmem.cli;

import java.io.ByteArrayInputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.splitmem.cli.migration.FakeHypervisor;
import org.splitmem.cli.migration.MigrationRun;

/** Runs commands in this process. */
final class Cli {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    final FakeHypervisor hypervisor = new FakeHypervisor();
    String input = "";
    int columns;
    Duration patience = Duration.ofSeconds(5);
    final Map<String, String> environment = new HashMap<>();

    int run(String... args) {
        return new Splitmem(new Surroundings(
                        new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
                        new PrintWriter(out, true),
                        new PrintWriter(err, true),
                        columns,
                        environment,
                        uri -> hypervisor,
                        new MigrationRun.Pace(Duration.ofMillis(2), patience, Duration.ofMillis(50))))
                .execute(args);
    }

    String out() {
        return out.toString();
    }

    String err() {
        return err.toString();
    }
}
