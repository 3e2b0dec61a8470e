package org.splitmem.systemtests;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** Gives tests the one {@link Testbed}, checks it after each, and keeps the logs of those that failed. */
final class OnTestbed implements ParameterResolver, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
    private static final Path EVIDENCE = Path.of("target", "system-tests");

    private final Map<Path, Long> logSizes = new HashMap<>();

    private static Testbed testbed(ExtensionContext context) {
        return context.getRoot()
                .getStore(ExtensionContext.Namespace.GLOBAL)
                .getOrComputeIfAbsent(Testbed.class, key -> new Testbed(Cluster.configured()), Testbed.class);
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == Testbed.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return testbed(context);
    }

    @Override
    public void beforeEach(ExtensionContext context) throws IOException {
        Testbed bed = testbed(context);
        bed.freshen();
        logSizes.clear();
        for (Path log : logs(bed)) {
            logSizes.put(log, Files.exists(log) ? Files.size(log) : 0L);
        }
        say(context, "...");
    }

    @Override
    public void afterEach(ExtensionContext context) throws IOException {
        Testbed bed = testbed(context);
        Throwable failure = context.getExecutionException().orElse(null);
        try {
            if (failure == null) {
                bed.awaitNothingLeft();
            }
        } catch (AssertionError | RuntimeException e) {
            failure = e;
            throw e;
        } finally {
            if (failure != null) {
                keepEvidence(context, bed);
                bed.distrust();
            }
            say(context, failure == null ? "ok" : "FAILED: " + failure);
        }
    }

    @Override
    public void afterAll(ExtensionContext context) {
        testbed(context).endShared();
    }

    /** Tests take long enough that one wants to see where they are. */
    private static void say(ExtensionContext context, String what) {
        System.out.printf(
                "%tT %s %s %s%n",
                System.currentTimeMillis(),
                context.getRequiredTestClass().getSimpleName(),
                context.getDisplayName(),
                what);
    }

    private static Iterable<Path> logs(Testbed bed) {
        return bed.cluster().hosts().stream().map(bed.cluster()::daemonLog).toList();
    }

    /** What the daemons logged during the test, and the guests' consoles. */
    private void keepEvidence(ExtensionContext context, Testbed bed) throws IOException {
        String test = context.getRequiredTestClass().getSimpleName() + "." + context.getDisplayName();
        Path directory = EVIDENCE.resolve(test.replaceAll("[^A-Za-z0-9.]+", "-"));
        Files.createDirectories(directory);
        for (String host : bed.cluster().hosts()) {
            Path log = bed.cluster().daemonLog(host);
            copyFrom(log, logSizes.getOrDefault(log, 0L), directory.resolve(host + ".splitmemd.log"));
        }
        try (var consoles = Files.newDirectoryStream(bed.cluster().file("guest"), "*.log")) {
            for (Path console : consoles) {
                Files.copy(console, directory.resolve(console.getFileName()), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        System.out.println("evidence: " + directory.toAbsolutePath());
    }

    private static void copyFrom(Path log, long offset, Path to) throws IOException {
        if (!Files.exists(log)) {
            return;
        }
        try (FileChannel in = FileChannel.open(log);
                FileChannel out = FileChannel.open(
                        to,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING)) {
            in.position(Math.min(offset, in.size())).transferTo(in.position(), in.size() - in.position(), out);
        }
    }
}
