package org.splitmem.cli;

import picocli.CommandLine.Option;

/** Whether to wait for what goes on by itself. */
final class WaitOption {
    @Option(
            names = "--wait",
            description =
                    "Return when that is done, and say meanwhile how far it is; with exit status 1 if it will not be done, or nothing has left a host for a"
                            + " minute: the message says why.")
    private boolean wait;

    boolean isGiven() {
        return wait;
    }
}
