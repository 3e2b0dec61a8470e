package org.splitmem.cli;

import java.time.Duration;
import java.util.List;
import org.splitmem.cli.bridge.BridgeException;
import org.splitmem.cli.control.ControlException;
import org.splitmem.cli.control.DaemonUnreachableException;
import org.splitmem.cli.migration.MigrationRun;
import org.splitmem.model.Json;
import org.splitmem.model.PlainText;
import org.splitmem.model.RefusalCode;

/**
 * Waits for what goes on whether or not anybody waits, and says every five seconds how far it is.
 *
 * <p>splitmemd, of this host and of others, may be restarted meanwhile. A wait that is interrupted ends nothing but the program.
 */
final class BackgroundWait {
    private static final Duration BETWEEN_LINES = Duration.ofSeconds(5);

    private final Splitmem splitmem;
    private final MigrationRun.Pace pace;

    BackgroundWait(Splitmem splitmem) {
        this.splitmem = splitmem;
        this.pace = splitmem.surroundings().pace();
    }

    /** What is waited for. All methods throw {@link CommandFailedException} if it will not come. */
    interface Work<T> {
        /** Asks splitmemd how it stands. */
        T ask();

        boolean isOver(T now);

        /** How far it is, for people. */
        List<String> lines(T now);

        /** What becomes of it when the wait is interrupted, as in {@code the VM is gathered on}. */
        String goesOn();
    }

    /**
     * Returns when it is over.
     *
     * @param begun how it is now
     * @return how it is then
     */
    <T> T until(T begun, Work<T> work) {
        String interrupted = "interrupted; " + work.goesOn();
        try (var interrupt = new OnInterrupt(() -> interrupted, splitmem.err())) {
            interrupt.arm();
            T now = begun;
            Long toldNs = null;
            while (!work.isOver(now)) {
                if (toldNs == null || System.nanoTime() - toldNs > BETWEEN_LINES.toNanos()) {
                    toldNs = System.nanoTime();
                    tell(now, work);
                }
                sleep(interrupted);
                now = ask(work, interrupted);
            }
            return now;
        }
    }

    private <T> void tell(T now, Work<T> work) {
        if (splitmem.json()) {
            splitmem.out().println(Json.write(now));
        } else {
            work.lines(now).forEach(line -> splitmem.err().println(PlainText.line(line)));
        }
    }

    /** Of a splitmemd, or nova-bridge, that may just be restarted. */
    private <T> T ask(Work<T> work, String interrupted) {
        long endNs = System.nanoTime() + pace.patience().toNanos();
        while (true) {
            try {
                return work.ask();
            } catch (ControlException e) {
                // It asks another one, which does not answer.
                if (!e.refusal().is(RefusalCode.FAILED) || System.nanoTime() - endNs > 0) {
                    throw e;
                }
            } catch (DaemonUnreachableException | BridgeException e) {
                if (System.nanoTime() - endNs > 0) {
                    throw e;
                }
            }
            sleep(interrupted);
        }
    }

    private void sleep(String interrupted) {
        try {
            Thread.sleep(pace.poll().toMillis());
        } catch (InterruptedException e) {
            throw new CommandFailedException(interrupted, e);
        }
    }
}
