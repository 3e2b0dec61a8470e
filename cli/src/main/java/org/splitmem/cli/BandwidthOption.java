package org.splitmem.cli;

import org.jspecify.annotations.Nullable;
import org.splitmem.model.Rate;
import picocli.CommandLine.Option;

/** How fast pages may be sent. */
final class BandwidthOption {
    @Option(
            names = "--bandwidth",
            paramLabel = "RATE",
            description = "Limit of all connections together, as in 10Gbit or 500MiB/s. Default: none.")
    private @Nullable Rate bandwidth;

    @Nullable
    Long bytesPerSecond() {
        return bandwidth == null ? null : bandwidth.bytesPerSecond();
    }

    boolean isGiven() {
        return bandwidth != null;
    }
}
