package org.splitmem.cli;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.splitmem.model.Json;
import org.splitmem.model.LendingInfo;

/** That what is to leave a host leaves it. */
final class LendingWork implements BackgroundWait.Work<LendingInfo> {
    private final Splitmem splitmem;
    private final Supplier<LendingInfo> question;
    private final String host;
    private final Predicate<LendingInfo> isWanted;
    private final Duration patience;

    private LendingInfo least;
    private long leastNs = System.nanoTime();

    /**
     * Of one host.
     *
     * @param question how it is, of splitmemd or nova-bridge
     * @param begun how it is now
     * @param isWanted false if another has ended it
     */
    LendingWork(Splitmem splitmem, Supplier<LendingInfo> question, LendingInfo begun, Predicate<LendingInfo> isWanted) {
        this.splitmem = splitmem;
        this.question = question;
        this.host = begun.host();
        this.isWanted = isWanted;
        this.patience = splitmem.surroundings().pace().patience();
        this.least = begun;
    }

    @Override
    public LendingInfo ask() {
        return question.get();
    }

    @Override
    public boolean isOver(LendingInfo now) {
        if (LendingText.isOver(now) || !isWanted.test(now)) {
            return true;
        }
        if (isLess(now, least) || !isStuck(now)) {
            least = now;
            leastNs = System.nanoTime();
        } else if (System.nanoTime() - leastNs > patience.toNanos()) {
            throw stuck(now);
        }
        return false;
    }

    private static boolean isLess(LendingInfo now, LendingInfo than) {
        return now.leavingBytes() < than.leavingBytes()
                || now.leaving().size() < than.leaving().size();
    }

    private static boolean isStuck(LendingInfo now) {
        return now.leaving().stream().allMatch(vm -> vm.trouble() != null);
    }

    /** Prints what does not leave, and why. */
    private CommandFailedException stuck(LendingInfo now) {
        if (splitmem.json()) {
            splitmem.out().println(Json.write(now));
        } else {
            LendingText.leaving(now).print(splitmem.out());
        }
        return new CommandFailedException("nothing has left " + host + " for " + patience.toSeconds()
                + " s, and each VM that is left has a reason; it is tried again, and \"splitmem lend " + host
                + "\" shows how far it is");
    }

    @Override
    public List<String> lines(LendingInfo now) {
        List<String> lines = new ArrayList<>();
        lines.add(LendingText.of(now));
        now.leaving().stream()
                .filter(vm -> vm.trouble() != null)
                .forEach(vm -> lines.add("  " + (vm.name() == null ? vm.vm() : vm.name()) + ": " + vm.trouble()));
        return lines;
    }

    @Override
    public String goesOn() {
        return "pages leave " + host + " nevertheless, \"splitmem lend " + host + "\" shows how far it is";
    }
}
