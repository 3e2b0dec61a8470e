package org.splitmem.cli;

import java.time.Duration;
import java.util.function.Predicate;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.control.ControlException;
import org.splitmem.cli.control.DaemonUnreachableException;
import org.splitmem.cli.migration.MigrationRun;
import org.splitmem.model.Json;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.PlainText;
import org.splitmem.model.RefusalCode;

/**
 * Waits until nothing is to leave a host any more, which goes on whether or not anybody waits, and says every five seconds how far it is.
 *
 * <p>splitmemd of this host and of that one may be restarted meanwhile. A wait that is interrupted ends nothing but the program.
 */
final class LendingWait {
    private static final Duration BETWEEN_LINES = Duration.ofSeconds(5);

    private final Splitmem splitmem;
    private final ControlClient control;
    private final MigrationRun.Pace pace;
    private final String host;
    private final String goesOn;

    LendingWait(Splitmem splitmem, ControlClient control, String host) {
        this.splitmem = splitmem;
        this.control = control;
        this.pace = splitmem.surroundings().pace();
        this.host = host;
        this.goesOn = "interrupted; pages leave " + host + " nevertheless, \"splitmem lend " + host
                + "\" shows how far it is";
    }

    /**
     * @param begun how it is now
     * @param isWanted false if another has ended it
     * @throws CommandFailedException if nothing more leaves, after it has printed what does not and why
     */
    LendingInfo untilOver(LendingInfo begun, Predicate<LendingInfo> isWanted) {
        try (var interrupt = new OnInterrupt(() -> goesOn, splitmem.err())) {
            interrupt.arm();
            LendingInfo info = begun;
            LendingInfo least = begun;
            long leastNs = System.nanoTime();
            Long toldNs = null;
            while (!LendingText.isOver(info) && isWanted.test(info)) {
                if (isLess(info, least) || !isStuck(info)) {
                    least = info;
                    leastNs = System.nanoTime();
                } else if (System.nanoTime() - leastNs > pace.patience().toNanos()) {
                    throw stuck(info);
                }
                if (toldNs == null || System.nanoTime() - toldNs > BETWEEN_LINES.toNanos()) {
                    toldNs = System.nanoTime();
                    tell(info);
                }
                sleep();
                info = ask();
            }
            return info;
        }
    }

    private static boolean isLess(LendingInfo info, LendingInfo than) {
        return info.leavingBytes() < than.leavingBytes()
                || info.leaving().size() < than.leaving().size();
    }

    private static boolean isStuck(LendingInfo info) {
        return info.leaving().stream().allMatch(vm -> vm.trouble() != null);
    }

    private CommandFailedException stuck(LendingInfo info) {
        if (!splitmem.json()) {
            LendingText.leaving(info).print(splitmem.out());
        } else {
            splitmem.out().println(Json.write(info));
        }
        return new CommandFailedException(
                "nothing has left " + host + " for " + pace.patience().toSeconds()
                        + " s, and each VM that is left has a reason; it is tried again, and \"splitmem lend " + host
                        + "\" shows how far it is");
    }

    private void tell(LendingInfo info) {
        if (splitmem.json()) {
            splitmem.out().println(Json.write(info));
            return;
        }
        splitmem.err().println(PlainText.line(LendingText.of(info)));
        info.leaving().stream()
                .filter(vm -> vm.trouble() != null)
                .forEach(vm -> splitmem.err()
                        .println(PlainText.line(
                                "  " + (vm.name() == null ? vm.vm() : vm.name()) + ": " + vm.trouble())));
    }

    /** Of a splitmemd that may just be restarted. */
    private LendingInfo ask() {
        long endNs = System.nanoTime() + pace.patience().toNanos();
        while (true) {
            try {
                return control.lending(host);
            } catch (ControlException e) {
                if (!e.refusal().is(RefusalCode.FAILED) || System.nanoTime() - endNs > 0) {
                    throw e;
                }
            } catch (DaemonUnreachableException e) {
                if (System.nanoTime() - endNs > 0) {
                    throw e;
                }
            }
            sleep();
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
