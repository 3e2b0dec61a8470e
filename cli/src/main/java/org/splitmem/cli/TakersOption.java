package org.splitmem.cli;

import java.util.List;
import org.splitmem.model.SubHostShare;
import picocli.CommandLine.Option;

/** Where pages go. */
final class TakersOption {
    @Option(
            names = "--to",
            paramLabel = "SHARE",
            description =
                    "A host that may take the pages, as h4, or h4=64GiB with how much at most; repeat it for more. Default: none; the VM's other sub-hosts"
                            + " take them, as far as they have room.")
    private List<SubHostShare> to = List.of();

    List<SubHostShare> hosts() {
        return to;
    }

    boolean isGiven() {
        return !to.isEmpty();
    }
}
