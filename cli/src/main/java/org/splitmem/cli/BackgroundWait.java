package org.splitmem.cli;

import java.time.Duration;
import java.util.function.Function;
import java.util.function.Predicate;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.control.ControlException;
import org.splitmem.cli.control.DaemonUnreachableException;
import org.splitmem.cli.migration.MigrationRun;
import org.splitmem.model.Json;
import org.splitmem.model.PlainText;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.VmInfo;

/**
 * Waits for what splitmemd does with a VM's pages whether or not anybody waits, and says every five seconds how far it is.
 *
 * <p>splitmemd may be restarted meanwhile. A wait that is interrupted ends nothing but the program.
 */
final class BackgroundWait {
    private static final Duration BETWEEN_LINES = Duration.ofSeconds(5);

    private final Splitmem splitmem;
    private final ControlClient control;
    private final MigrationRun.Pace pace;
    private final String goesOn;

    /** @param goesOn what to say of the work when the wait is interrupted, as in {@code the VM is gathered on} */
    BackgroundWait(Splitmem splitmem, ControlClient control, String goesOn) {
        this.splitmem = splitmem;
        this.control = control;
        this.pace = splitmem.surroundings().pace();
        this.goesOn = "interrupted; " + goesOn;
    }

    /**
     * @param begun the VM as it is now
     * @param isOver may throw if what is waited for will not come
     * @param progress how far it is, for people
     * @return the VM when it is over
     * @throws CommandFailedException also if the VM has ended
     */
    VmInfo until(VmInfo begun, Predicate<VmInfo> isOver, Function<VmInfo, String> progress) {
        try (var interrupt = new OnInterrupt(() -> goesOn, splitmem.err())) {
            interrupt.arm();
            VmInfo info = begun;
            Long toldNs = null;
            while (!isOver.test(info)) {
                requirePresent(info);
                if (toldNs == null || System.nanoTime() - toldNs > BETWEEN_LINES.toNanos()) {
                    toldNs = System.nanoTime();
                    tell(info, progress);
                }
                sleep();
                info = ask(begun);
            }
            return info;
        }
    }

    private void tell(VmInfo info, Function<VmInfo, String> progress) {
        if (splitmem.json()) {
            splitmem.out().println(Json.write(info));
        } else {
            splitmem.err().println(PlainText.line(info.name() + ": " + progress.apply(info)));
        }
    }

    private static void requirePresent(VmInfo info) {
        switch (info.state()) {
            case DEFINED ->
                throw new CommandFailedException(info.name() + " has ended; it starts again as it was split");
            case EXPECTED ->
                throw new CommandFailedException(info.name() + " has ended, and is expected to start again");
            case FROZEN ->
                throw new CommandFailedException(
                        info.name() + " is frozen: what splitmemd has recorded of it is damaged, see its log");
            case LOCAL, SPLIT, INCOMING, OUTGOING, GONE -> {}
        }
    }

    /** Of a splitmemd that may just be restarted. */
    private VmInfo ask(VmInfo begun) {
        long endNs = System.nanoTime() + pace.patience().toNanos();
        while (true) {
            try {
                return control.vm(begun.uuid());
            } catch (ControlException e) {
                throw e.refusal().is(RefusalCode.VM_NOT_FOUND)
                        ? new CommandFailedException(begun.name() + " has ended, or has left this host", e)
                        : e;
            } catch (DaemonUnreachableException e) {
                if (System.nanoTime() - endNs > 0) {
                    throw e;
                }
                sleep();
            }
        }
    }

    private void sleep() {
        try {
            Thread.sleep(pace.poll().toMillis());
        } catch (InterruptedException e) {
            throw new CommandFailedException(goesOn, e);
        }
    }
}
