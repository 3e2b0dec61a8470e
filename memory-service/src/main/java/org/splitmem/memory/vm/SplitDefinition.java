package org.splitmem.memory.vm;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Objects;
import java.util.UUID;

/**
 * How a VM is split on this host: what it is started with again, whoever starts it.
 *
 * @param ramBytes all of its RAM; a QEMU that maps another amount is refused
 * @param backendBytes of each RAM backend; empty if only their sum is known
 * @param budgetBytes how much may be resident here
 * @param epoch of its last owner
 * @param lenders the memory servers, with what each lends
 * @param reserved whether they may still have a reservation under these tokens
 */
public record SplitDefinition(
        @JsonProperty(required = true) UUID vm,
        @JsonProperty(required = true) String name,
        @JsonProperty(required = true) long ramBytes,
        @JsonProperty(required = true) List<Long> backendBytes,
        @JsonProperty(required = true) long budgetBytes,
        @JsonProperty(required = true) long epoch,
        @JsonProperty(required = true) List<VmRecord.Lender> lenders,
        @JsonProperty(required = true) boolean reserved) {
    public SplitDefinition {
        Objects.requireNonNull(vm, "the uuid is missing");
        Objects.requireNonNull(name, "the name is missing");
        if (ramBytes < 0 || budgetBytes < 0) {
            throw new IllegalArgumentException("RAM of " + ramBytes + " B within a budget of " + budgetBytes + " B");
        }
        backendBytes = VmRecord.sizes(backendBytes);
        lenders = List.copyOf(lenders);
    }

    /** What is to be kept of a VM that is split now. */
    static SplitDefinition of(VmRecord record) {
        return new SplitDefinition(
                record.uuid(),
                record.name(),
                record.ramBytes(),
                record.backendBytes(),
                record.budgetBytes(),
                record.epoch(),
                record.staying(),
                true);
    }

    /** The same VM's next life: a new owner, with new reservations. */
    public SplitDefinition anew(List<VmRecord.Lender> next) {
        return new SplitDefinition(vm, name, ramBytes, backendBytes, budgetBytes, epoch + 1, next, true);
    }

    /** Its memory servers have nothing any more. */
    public SplitDefinition released() {
        return new SplitDefinition(vm, name, ramBytes, backendBytes, budgetBytes, epoch, lenders, false);
    }

    /** The record of a QEMU that begins so: paged before it touches its first page. */
    public VmRecord born(String asName, int pid) {
        return new VmRecord(
                vm, asName, VmRecord.Phase.PAGED, backendBytes, epoch, budgetBytes, lenders, null, pid, null);
    }
}
