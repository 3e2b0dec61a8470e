package org.splitmem.bridge.migration;

import java.util.Map;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Vm;

/** Hears of what happens. Called after the fact, on the thread that did it; must return at once and must not fail. */
public interface Telemetry {
    /** Nobody listens. */
    Telemetry NONE = new Telemetry() {
        @Override
        public void migrationChanged(Migration migration) {}

        @Override
        public void placementChanged(Vm vm, Map<String, Long> booking, String cause) {}
    };

    /** A migration's status has changed, or its daemon's phase. */
    void migrationChanged(Migration migration);

    /**
     * What is booked for a VM has changed.
     *
     * @param booking in MB, by host; empty: nothing any more
     * @param cause placed, planned, completed, undone, released or reconciled
     */
    void placementChanged(Vm vm, Map<String, Long> booking, String cause);
}
