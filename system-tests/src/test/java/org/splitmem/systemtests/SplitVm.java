package org.splitmem.systemtests;

import java.time.Duration;
import org.splitmem.model.VmState;

/** A running split VM for tests to work on. */
final class SplitVm {
    static final Duration LIMIT = Duration.ofMinutes(3);

    private SplitVm() {}

    /** Half of it on its main host h1 or h2, the rest on h3 and h4; the same for all tests of a class, as long as it lives. */
    static Guest of(Testbed bed, String name) {
        Guest guest = bed.shared(Guest.Spec.named(name), "h1");
        if (guest.info().state() == VmState.LOCAL) {
            split(bed, guest, guest.host().equals("h1") ? "h2" : "h1");
        }
        return guest;
    }

    static void split(Testbed bed, Guest guest, String to) {
        bed.cli(guest.host()).migrate(guest, to, LIMIT, "--budget", "128MiB", "--sub-host", "h3", "--sub-host", "h4");
    }
}
