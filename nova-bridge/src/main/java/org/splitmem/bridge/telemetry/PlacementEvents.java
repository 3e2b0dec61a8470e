package org.splitmem.bridge.telemetry;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Vm;
import org.splitmem.events.Event;
import org.splitmem.events.PlacementEvent;
import org.splitmem.events.PlacementEvent.Allocation;
import org.splitmem.events.PlacementEvent.Mode;

/** Events of plans and bookings, made on the thread that planned or booked: that knows the request. */
final class PlacementEvents {
    private PlacementEvents() {}

    /** @param vm on the host that it is to run on */
    static Event planned(Vm vm, @Nullable String migration, Plan plan, Map<String, Long> booking, Instant at) {
        List<String> explanation = new ArrayList<>();
        explanation.add(plan.summary());
        explanation.addAll(plan.explanation());
        explanation.removeIf(String::isBlank);
        Mode mode = plan.outcome() == Plan.Outcome.SPLIT ? Mode.SPLIT : Mode.WHOLE;
        String occasion = migration == null ? "start/" + at.toEpochMilli() : migration;
        return data(vm, migration, null, mode, booking, "planned", explanation)
                .event(PlacementEvent.PLANNED, occasion, at);
    }

    static Event refused(Vm vm, @Nullable String migration, String reason, String message, Instant at) {
        String occasion = migration == null ? "start/" + at.toEpochMilli() : migration;
        return data(vm, migration, null, null, Map.of(), reason, List.of(message))
                .event(PlacementEvent.REFUSED, occasion, at);
    }

    /** @param vm absent if it is not on record */
    static Event failed(
            UUID instance, @Nullable Vm vm, @Nullable Map<String, Long> wanted, String message, Instant at) {
        Vm known = vm == null ? new Vm(instance, "", "", 0, 0, "", "") : vm;
        return data(
                        known,
                        null,
                        null,
                        null,
                        wanted == null ? Map.of() : wanted,
                        "reconciliation",
                        List.of(message.isBlank() ? "no reason was given" : message))
                .event(PlacementEvent.FAILED, Long.toString(at.toEpochMilli()), at);
    }

    /** @param step a change */
    static Event changed(Vm vm, @Nullable String migration, Bookings.Step step, String cause, Instant at) {
        String moment = Long.toString(at.toEpochMilli());
        if (step.after().isEmpty()) {
            return data(vm, migration, null, null, Map.of(), cause, null)
                    .event(PlacementEvent.RELEASED, step.generation() + "/" + moment, at);
        }
        String type = step.before().isEmpty() ? PlacementEvent.BOOKED : PlacementEvent.CHANGED;
        int generation = Math.toIntExact(step.generation());
        return data(vm, migration, generation, mode(vm, step.after()), step.after(), cause, null)
                .event(type, moment, at);
    }

    /** @param booked less than {@code wanted} */
    static Event tooShort(Vm vm, Map<String, Long> booked, Map<String, Long> wanted, String why, Instant at) {
        String explanation =
                "booked is " + new TreeMap<>(booked) + ", on the hosts is " + new TreeMap<>(wanted) + ": " + why;
        return data(vm, null, null, null, booked, "reconciled", List.of(explanation))
                .event(PlacementEvent.SHORT, Long.toString(at.toEpochMilli()), at);
    }

    /** Absent while both sides of a migration are booked, of which one is whole; of one that comes to its sub-host both are on one host. */
    private static @Nullable Mode mode(Vm vm, Map<String, Long> booking) {
        if (!booking.containsKey(vm.host())) {
            return Mode.SPLIT;
        }
        return booking.size() == 1 && booking.get(vm.host()) <= vm.remainderMb() ? Mode.WHOLE : null;
    }

    private static PlacementEvent data(
            Vm vm,
            @Nullable String migration,
            @Nullable Integer generation,
            @Nullable Mode mode,
            Map<String, Long> booking,
            String cause,
            @Nullable List<String> explanation) {
        List<Allocation> allocations = new ArrayList<>();
        new TreeMap<>(booking).forEach((host, mb) -> {
            if (mb > 0) {
                allocations.add(new Allocation(host, mb));
            }
        });
        return new PlacementEvent(
                vm.instance().toString(),
                orAbsent(vm.name()),
                Consumers.of(vm.instance()).toString(),
                generation,
                migration,
                orAbsent(vm.host()),
                mode,
                vm.ramMb(),
                vm.mainMb(),
                allocations,
                orAbsent(vm.projectId()),
                orAbsent(vm.userId()),
                cause,
                explanation,
                Caller.requestId());
    }

    private static @Nullable String orAbsent(String text) {
        return text.isBlank() ? null : text;
    }
}
