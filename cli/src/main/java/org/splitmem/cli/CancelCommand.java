package org.splitmem.cli;

import java.util.Locale;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationState;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "cancel",
        description = {
            "End an operation before its time, by the id that \"splitmem operations\" lists.",
            "A migration: the VM stays where it is, as with \"splitmem abort\"; not after the handover. A gather, a move of pages or a drain: "
                    + "what has moved stays where it is now. What cannot be ended is refused, with what can be done instead.",
            "Does not wait for the end: \"splitmem operations --ended\" says what became of it. One that is over already is left as it "
                    + "is, and exit code 0 says so."
        })
final class CancelCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "ID", description = "Id of the operation.")
    private String id;

    @Option(
            names = "--reason",
            paramLabel = "TEXT",
            defaultValue = "cancelled by the operator (splitmem cancel)",
            description = "What is kept, and shown, as the reason. Default: ${DEFAULT-VALUE}")
    private String reason;

    @Override
    public void run() {
        OperationInfo info = splitmem.control().cancel(id, reason);
        splitmem.print(info, text(info));
    }

    private static String text(OperationInfo info) {
        String what = info.kind().text() + " " + info.id() + (info.name() == null ? "" : " of " + info.name());
        OperationState state = info.state();
        if (state == null || !state.isOver()) {
            return what + " is about to end";
        }
        String why = info.reason() == null ? "" : ": " + info.reason();
        return what + " is over, " + state.name().toLowerCase(Locale.ROOT) + why;
    }
}
