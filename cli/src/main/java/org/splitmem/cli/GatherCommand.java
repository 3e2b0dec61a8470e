package org.splitmem.cli;

import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.control.DaemonUnreachableException;
import org.splitmem.cli.migration.MigrationRun;
import org.splitmem.cli.migration.ProgressText;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.GatherRequest;
import org.splitmem.model.Json;
import org.splitmem.model.PlainText;
import org.splitmem.model.Rate;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "gather",
        description = {
            "Bring all of a split VM's memory back to this host, at full speed, while it runs.",
            "When the last page is here the VM is whole, and its sub-hosts' memory is free again. It goes on by itself, also after a restart of"
                    + " splitmemd or of a sub-host; 'splitmem budget' with less than the VM's RAM ends it."
        })
final class GatherCommand implements Runnable {
    private static final Duration BETWEEN_LINES = Duration.ofSeconds(5);

    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "NAME", description = "Name or uuid of the VM.")
    private String vm;

    @Option(
            names = "--bandwidth",
            paramLabel = "RATE",
            description = "Limit of all connections together, as in 10Gbit or 500MiB/s. Default: none.")
    private @Nullable Rate bandwidth;

    @Option(names = "--wait", description = "Return when the VM is whole, and say meanwhile how far it is.")
    private boolean wait;

    @Override
    public void run() {
        ControlClient control = splitmem.control();
        VmInfo info = control.gather(vm, new GatherRequest(bandwidth == null ? null : bandwidth.bytesPerSecond()));
        if (!wait) {
            splitmem.print(info, info.name() + " is being gathered here: " + left(info));
            return;
        }
        VmInfo whole = awaitWhole(control, info);
        splitmem.print(whole, whole.name() + " is whole here");
    }

    private VmInfo awaitWhole(ControlClient control, VmInfo begun) {
        MigrationRun.Pace pace = splitmem.surroundings().pace();
        VmInfo info = begun;
        long toldNs = System.nanoTime();
        tell(info);
        while (info.state() != VmState.LOCAL) {
            if (info.state() == VmState.SPLIT && info.budgetBytes() < info.ramBytes()) {
                throw new CommandFailedException(
                        info.name() + " is gathered no more: its budget is " + Text.size(info.budgetBytes()) + " now");
            }
            sleep(pace.poll());
            info = ask(control, begun.uuid(), pace);
            if (System.nanoTime() - toldNs > BETWEEN_LINES.toNanos()) {
                toldNs = System.nanoTime();
                tell(info);
            }
        }
        return info;
    }

    /** Of a splitmemd that may just be restarted. */
    private static VmInfo ask(ControlClient control, String uuid, MigrationRun.Pace pace) {
        long endNs = System.nanoTime() + pace.patience().toNanos();
        while (true) {
            try {
                return control.vm(uuid);
            } catch (DaemonUnreachableException e) {
                if (System.nanoTime() - endNs > 0) {
                    throw e;
                }
                sleep(pace.poll());
            }
        }
    }

    private static void sleep(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        } catch (InterruptedException e) {
            throw new CommandFailedException("interrupted; the VM is gathered on");
        }
    }

    private void tell(VmInfo info) {
        if (splitmem.json()) {
            splitmem.out().println(Json.write(info));
        } else if (info.state() != VmState.LOCAL) {
            splitmem.err().println(PlainText.line(info.name() + ": " + left(info)));
        }
    }

    private static String left(VmInfo info) {
        GatherInfo gather = info.gather();
        return gather == null ? Text.size(Text.sum(info.remoteBytes().values())) + " to come" : text(gather);
    }

    /** {@code 1.2 GiB to come, 850 MiB/s, 0:02 left}. */
    static String text(GatherInfo gather) {
        StringBuilder text = new StringBuilder(Text.size(gather.bytesRemaining())).append(" to come");
        Long eta = gather.etaSeconds();
        if (eta != null) {
            text.append(String.format(
                    Locale.ROOT, ", %s, %s left", Rate.rounded(gather.rateBytesPerSecond()), ProgressText.clock(eta)));
        }
        Long limit = gather.bandwidthBytesPerSecond();
        if (limit != null) {
            text.append(", at most ").append(Rate.rounded(limit));
        }
        return gather.trouble() == null
                ? text.toString()
                : text.append("; waits for ").append(gather.trouble()).toString();
    }
}
