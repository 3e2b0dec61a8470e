package org.splitmem.cli;

import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.PlainText;

/** While armed: when the program is interrupted (Ctrl-C, SIGTERM), what has to be done is done, and the user is told. */
final class OnInterrupt implements AutoCloseable {
    private final Action action;
    private final PrintWriter err;
    private final Thread hook = new Thread(this::interrupted, "interrupted");

    /** What has to be done; not on the main thread, which goes on meanwhile. */
    interface Action {
        /** @return what to tell the user; null if there is nothing to tell */
        @Nullable
        String run() throws InterruptedException;
    }

    OnInterrupt(Action action, PrintWriter err) {
        this.action = action;
        this.err = err;
    }

    void arm() {
        Runtime.getRuntime().addShutdownHook(hook);
    }

    private void interrupted() {
        try {
            String told = action.run();
            if (told != null) {
                // Below the line of the progress.
                err.println();
                err.println("splitmem: " + PlainText.line(told));
            }
        } catch (InterruptedException e) {
            // Nobody interrupts this thread; if somebody did, it ends with the program.
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The program is ending already: the hook runs.
        }
    }
}
