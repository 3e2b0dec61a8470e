package org.splitmem.memory.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.opentest4j.TestAbortedException;

/**
 * A process that maps and uses RAM as QEMU does, under the real shim; see src/test/c/paging/fakeqemu.c. It is another process
 * because a thread that waits for a page must never be one of the JVM's.
 */
public final class FakeQemu implements AutoCloseable {
    private static final Path SHIM = Path.of(System.getProperty("test.shim", "target/native/libsplitmem-shim.so"));
    private static final long LIMIT_S = 60;

    private final Process process;
    private final Writer commands;
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();

    private FakeQemu(Process process) {
        this.process = process;
        this.commands = process.outputWriter(StandardCharsets.UTF_8);
        Thread reader = new Thread(this::read, "fakeqemu-answers");
        reader.setDaemon(true);
        reader.start();
    }

    /** @throws TestAbortedException naming what this machine lacks */
    public static FakeQemu start(Path program, UUID vm, Path shimSocket) throws IOException {
        if (!Files.exists(SHIM)) {
            throw new TestAbortedException(SHIM + " is missing: make -C src/main/c");
        }
        ProcessBuilder builder = new ProcessBuilder(program.toString()).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("LD_PRELOAD", SHIM.toAbsolutePath().toString());
        builder.environment().put("SPLITMEM_VM", vm.toString());
        builder.environment().put("SPLITMEM_SOCKET", shimSocket.toString());
        return new FakeQemu(builder.start());
    }

    private void read() {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            String line;
            while ((line = lines.readLine()) != null) {
                answers.add(line);
            }
        } catch (IOException e) {
            answers.add("bad " + e);
        }
    }

    public long pid() {
        return process.pid();
    }

    /** Sends a command and does not wait for its answer. */
    public void begin(String command) throws IOException {
        commands.write(command + "\n");
        commands.flush();
    }

    /** The answer to the oldest command that has had none. @throws AssertionError if RAM was wrong, or nothing came */
    public String end() throws InterruptedException {
        String answer = answers.poll(LIMIT_S, TimeUnit.SECONDS);
        if (answer == null) {
            throw new AssertionError("the fake QEMU waits for its memory for " + LIMIT_S + " s, or has died");
        }
        if (!answer.startsWith("ok")) {
            throw new AssertionError("the fake QEMU says: " + answer);
        }
        return answer;
    }

    /** Whether the oldest command is answered. */
    public boolean hasAnswered() {
        return !answers.isEmpty();
    }

    public String run(String command) throws IOException, InterruptedException {
        begin(command);
        return end();
    }

    /** Asks it to exit, and ends it at once if it has not after a while: as libvirt does. */
    public void exit(long patienceMs) throws InterruptedException {
        try {
            begin("exit");
        } catch (IOException e) {
            return; // it has ended already
        }
        if (!process.waitFor(patienceMs, TimeUnit.MILLISECONDS)) {
            close();
        }
    }

    /** Ends it at once, wherever its threads wait. */
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
