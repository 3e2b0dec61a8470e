package org.splitmem.memory.operation;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;

/**
 * What the journal says of an operation. Immutable.
 *
 * @param vm absent: it is about all that are on the host
 * @param name of that VM
 * @param from see {@link org.splitmem.model.OperationInfo}, as {@code to}
 * @param reason why it is over, unless it is done; absent otherwise
 */
record OperationRecord(
        @JsonProperty(required = true) UUID id,
        @JsonProperty(required = true) OperationKind kind,
        @Nullable UUID vm,
        @Nullable String name,
        @Nullable String from,
        @Nullable String to,
        @JsonProperty(required = true) OperationState state,
        @JsonProperty(required = true) long startedAtMs,
        @Nullable Long finishedAtMs,
        @Nullable String reason) {
    OperationRecord {
        Objects.requireNonNull(id, "the id is missing");
        Objects.requireNonNull(kind, "the kind is missing");
        Objects.requireNonNull(state, "the state is missing");
        if (state.isOver() != (finishedAtMs != null)) {
            throw new IllegalArgumentException("it is " + state + ", and finishedAtMs is " + finishedAtMs);
        }
    }

    /** @throws IllegalStateException if it cannot enter that state from the one it is in */
    OperationRecord in(OperationState next, @Nullable String because, long nowMs) {
        if (!state.leadsTo(next)) {
            throw new IllegalStateException(this + ": " + state + " -> " + next + " (" + because + ")");
        }
        return new OperationRecord(
                id,
                kind,
                vm,
                name,
                from,
                to,
                next,
                startedAtMs,
                next.isOver() ? nowMs : null,
                next == OperationState.DONE || !next.isOver() ? null : because);
    }

    /** In the journal's directory. A migration is an operation of its source and one of its destination, with one id. */
    String fileName() {
        return kind.text() + "-" + id + ".json";
    }

    @Override
    public String toString() {
        return kind.text() + " " + id + (vm == null ? "" : " of VM " + vm);
    }
}
