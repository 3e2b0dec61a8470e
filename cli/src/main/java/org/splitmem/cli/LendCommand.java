package org.splitmem.cli;

import org.jspecify.annotations.Nullable;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.DataSize;
import org.splitmem.model.Json;
import org.splitmem.model.LendRequest;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.PlainText;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(
        name = "lend",
        description = {
            "Show or set how much memory a host lends to VMs of other hosts.",
            "What is set counts more than memory.lend-limit in splitmem.conf, also after restarts, until --configured. If more is reserved, VMs move away until"
                    + " it is not, as with 'splitmem drain': that with the largest reservation first."
        })
final class LendCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "HOST", description = "Name of the host, this one or one of its peers.")
    private String host;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "SIZE",
            description = "The most that it lends, as in 512MiB, 1.5GiB, 2T; 0: nothing. Default: nothing changes.")
    private @Nullable DataSize size;

    @Mixin
    private TakersOption to = new TakersOption();

    @Option(names = "--configured", description = "The host lends as splitmem.conf says again.")
    private boolean configured;

    @Mixin
    private WaitOption wait = new WaitOption();

    @Override
    public void run() {
        ControlClient control = splitmem.control();
        LendRequest request = request();
        LendingInfo info;
        if (request != null) {
            info = control.lend(host, request);
        } else {
            info = configured ? control.lendAsConfigured(host) : control.lending(host);
        }
        if (wait.isGiven()) {
            info = new BackgroundWait(splitmem)
                    .until(info, new LendingWork(splitmem, () -> control.lending(host), info, any -> true));
        }
        print(splitmem, info);
    }

    private @Nullable LendRequest request() {
        if (configured && (size != null || to.isGiven())) {
            throw new ParameterException(spec.commandLine(), "--configured excludes SIZE and --to");
        }
        if (size == null && to.isGiven()) {
            throw new ParameterException(spec.commandLine(), "--to needs SIZE");
        }
        if (size == null) {
            return null;
        }
        long bytes = size.bytes();
        return Splitmem.checked(spec, () -> new LendRequest(bytes, to.hosts()));
    }

    static void print(Splitmem splitmem, LendingInfo info) {
        if (splitmem.json()) {
            splitmem.out().println(Json.write(info));
            return;
        }
        splitmem.out().println(PlainText.line(LendingText.of(info)));
        if (!info.leaving().isEmpty()) {
            LendingText.leaving(info).print(splitmem.out());
        }
    }
}
