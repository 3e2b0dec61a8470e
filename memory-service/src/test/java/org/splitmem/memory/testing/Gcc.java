package org.splitmem.memory.testing;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.opentest4j.TestAbortedException;

/** Compiles the C programs that tests need, each once in a JVM. */
public final class Gcc {
    private static final Map<String, Path> compiled = new HashMap<>(); // guarded by the class

    private Gcc() {}

    /** Compiles src/test/c/{@code source}. @throws TestAbortedException if there is no gcc */
    public static synchronized Path compile(String source, Path program) throws IOException, InterruptedException {
        Path made = compiled.get(source);
        if (made == null) {
            made = Files.createTempFile("splitmem-test-", "");
            made.toFile().deleteOnExit();
            compileAnew(source, made);
            compiled.put(source, made);
        }
        Files.deleteIfExists(program); // one that runs cannot be written
        return Files.copy(made, program, StandardCopyOption.COPY_ATTRIBUTES);
    }

    private static void compileAnew(String source, Path program) throws IOException, InterruptedException {
        if (Stream.of(System.getenv("PATH").split(File.pathSeparator, -1))
                .noneMatch(directory -> Files.isExecutable(Path.of(directory, "gcc")))) {
            throw new TestAbortedException("gcc is not installed");
        }
        List<String> command =
                new ArrayList<>(List.of("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"));
        command.addAll(
                List.of("-o", program.toString(), Path.of("src/test/c", source).toString()));
        Process gcc = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(gcc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (gcc.waitFor() != 0) {
            throw new AssertionError("gcc refused " + source + ":\n" + said);
        }
    }
}
