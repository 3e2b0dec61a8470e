package org.splitmem.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.events.Topic;
import org.splitmem.model.DataSize;
import org.splitmem.model.Json;
import org.splitmem.model.PlainText;
import org.splitmem.model.Rate;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command {@code splitmem} itself: the options that all commands share, and how errors are told. */
@Command(
        name = "splitmem",
        description = "Split live migration and remote memory for large virtual machines.",
        subcommands = {
            PrepareCommand.class,
            MigrateCommand.class,
            AbortCommand.class,
            CompleteCommand.class,
            MigrationsCommand.class,
            OperationsCommand.class,
            CancelCommand.class,
            VmsCommand.class,
            ShowCommand.class,
            HostsCommand.class,
            BudgetCommand.class,
            GatherCommand.class,
            MovePagesCommand.class,
            DrainCommand.class,
            LendCommand.class,
            SplitCommand.class,
            ForgetCommand.class,
            ForgetHostCommand.class,
            EventsCommand.class,
            PlanCommand.class,
        },
        scope = ScopeType.INHERIT,
        mixinStandardHelpOptions = true,
        versionProvider = Splitmem.Version.class,
        sortOptions = false,
        usageHelpWidth = 100,
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {"0:done", "1:refused or failed; standard error says why", "2:the command line is wrong"})
final class Splitmem implements Runnable {
    @Option(
            names = "--socket",
            paramLabel = "PATH",
            scope = ScopeType.INHERIT,
            defaultValue = "${env:SPLITMEM_SOCKET_CONTROL:-/run/splitmem/splitmemd.sock}",
            description =
                    "Where splitmemd listens. Default: $SPLITMEM_SOCKET_CONTROL, or /run/splitmem/splitmemd.sock.")
    private Path socket;

    @Option(
            names = "--json",
            scope = ScopeType.INHERIT,
            description = "Print JSON, for programs: the records of splitmemd's control API, each on a line.")
    private boolean json;

    @Option(names = "--verbose", scope = ScopeType.INHERIT, description = "With an error, print where it came from.")
    private boolean verbose;

    @Spec
    private CommandSpec spec;

    private final Surroundings surroundings;

    /** For picocli's generators, which look at the commands and run none. */
    @SuppressWarnings("unused")
    Splitmem() {
        this(Surroundings.ofProcess());
    }

    Splitmem(Surroundings surroundings) {
        this.surroundings = surroundings;
    }

    /** @return the exit status */
    int execute(String... args) {
        return new CommandLine(this)
                .setOut(surroundings.out())
                .setErr(surroundings.err())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExpandAtFiles(false) // a VM may be called @db1
                .registerConverter(DataSize.class, DataSize::parse)
                .registerConverter(Rate.class, Rate::parse)
                .registerConverter(Topic.class, EventsCommand::topic)
                .registerConverter(org.splitmem.model.SubHostShare.class, SubHostOption::parse)
                .setParameterExceptionHandler((e, all) -> tellUsage(e))
                .setExecutionExceptionHandler((e, command, parsed) -> tellFailure(e))
                .execute(args);
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "Missing command; there are: "
                        + String.join(", ", spec.subcommands().keySet()));
    }

    private int tellUsage(ParameterException e) {
        CommandLine command = e.getCommandLine();
        err().println("splitmem: " + message(e) + " (try '"
                + command.getCommandSpec().qualifiedName() + " --help')");
        return CommandLine.ExitCode.USAGE;
    }

    private int tellFailure(Exception e) {
        err().println("splitmem: " + message(e));
        if (verbose) {
            e.printStackTrace(err());
        }
        return CommandLine.ExitCode.SOFTWARE;
    }

    private static String message(Exception e) {
        String message = e.getMessage();
        return PlainText.line(
                message == null || message.isBlank() ? e.toString() : message.replaceAll("\\s*\\R\\s*", " "));
    }

    /**
     * Makes what is asked of splitmemd.
     *
     * @param request throws IllegalArgumentException if an option is out of its range
     */
    static <T> T checked(CommandSpec spec, Supplier<T> request) {
        try {
            return request.get();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
        }
    }

    ControlClient control() {
        return new ControlClient(socket);
    }

    Surroundings surroundings() {
        return surroundings;
    }

    boolean json() {
        return json;
    }

    PrintWriter out() {
        return surroundings.out();
    }

    PrintWriter err() {
        return surroundings.err();
    }

    /** Prints one record: as JSON if the user wants it, else this line. */
    void print(Object value, String text) {
        out().println(json ? Json.write(value) : PlainText.line(text));
    }

    /** Prints records: as JSON, one a line, if the user wants it, else this table. */
    void print(List<?> values, Table table) {
        if (json) {
            values.forEach(value -> out().println(Json.write(value)));
        } else {
            table.print(out());
        }
    }

    /** From the jar's manifest. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Splitmem.class.getPackage().getImplementationVersion();
            return new String[] {"splitmem " + (version == null ? "(not from a jar)" : version)};
        }
    }
}
