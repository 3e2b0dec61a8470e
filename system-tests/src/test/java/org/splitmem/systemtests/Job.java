package org.splitmem.systemtests;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program that was started. Closing it kills it. */
final class Job implements AutoCloseable {
    private static final Duration USUAL_LIMIT = Duration.ofMinutes(2);

    private final List<String> command;
    private final Process process;
    private final Path out;
    private final Path err;

    /** How a program ended. */
    record Result(int exitCode, String out, String err) {
        boolean succeeded() {
            return exitCode == 0;
        }
    }

    private Job(List<String> command, Process process, Path out, Path err) {
        this.command = command;
        this.process = process;
        this.out = out;
        this.err = err;
    }

    static Job start(List<String> command) {
        return start(command, new byte[0]);
    }

    /** Files, not pipes: nobody has to read along, and a program that hangs does not take its output with it. */
    static Job start(List<String> command, byte[] input) {
        try {
            Path in = Files.createTempFile("system-test", ".in");
            Path out = Files.createTempFile("system-test", ".out");
            Path err = Files.createTempFile("system-test", ".err");
            Files.write(in, input);
            Process process = new ProcessBuilder(command)
                    .redirectInput(in.toFile())
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile())
                    .start();
            Files.delete(in);
            return new Job(command, process, out, err);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs it to its end, however that is. */
    static Result run(List<String> command) {
        try (Job job = start(command)) {
            return job.await(USUAL_LIMIT);
        }
    }

    /** Runs it to its end, which has to be a good one. @return its standard output */
    static String require(List<String> command) {
        Result result = run(command);
        if (!result.succeeded()) {
            throw new AssertionError(
                    "exit code " + result.exitCode() + " of " + command + ": " + result.err() + result.out());
        }
        return result.out();
    }

    Result await(Duration limit) {
        try {
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError(
                        "still runs after " + limit.toSeconds() + " s: " + command + "\n" + err() + lastLine(out()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while waiting for " + command, e);
        }
        return new Result(process.exitValue(), out(), err());
    }

    private static String lastLine(String text) {
        return text.strip().substring(text.strip().lastIndexOf('\n') + 1);
    }

    boolean isRunning() {
        return process.isAlive();
    }

    long pid() {
        return process.pid();
    }

    /** What it has printed so far. */
    String out() {
        return read(out);
    }

    String err() {
        return read(err);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        try {
            Files.deleteIfExists(out);
            Files.deleteIfExists(err);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
