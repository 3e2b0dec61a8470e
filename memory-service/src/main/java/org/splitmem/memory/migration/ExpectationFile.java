package org.splitmem.memory.migration;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.SplitRequest;

/** Which VMs are expected to start on this host, split; kept beside their memory, and as long. Any thread. */
public final class ExpectationFile {
    /**
     * One of them.
     *
     * @param request as it was made; with name and RAM
     * @param budgetBytes of it, in whole pages
     * @param lenders that have reserved for it, or are about to
     * @param untilMs when it is expected no more, milliseconds since 1970
     */
    public record Expected(
            @JsonProperty(required = true) UUID vm,
            @JsonProperty(required = true) SplitRequest request,
            @JsonProperty(required = true) long budgetBytes,
            @JsonProperty(required = true) List<VmRecord.Lender> lenders,
            @JsonProperty(required = true) long untilMs) {
        public Expected {
            Objects.requireNonNull(vm, "the uuid is missing");
            Objects.requireNonNull(request.name(), "the name is missing");
            Objects.requireNonNull(request.ramBytes(), "the RAM is missing");
            if (budgetBytes < 0) {
                throw new IllegalArgumentException("a budget of " + budgetBytes + " B");
            }
            lenders = List.copyOf(lenders);
        }

        public String name() {
            return Objects.requireNonNull(request.name());
        }

        public long ramBytes() {
            return Objects.requireNonNull(request.ramBytes());
        }

        Expected until(long ms) {
            return new Expected(vm, request, budgetBytes, lenders, ms);
        }

        TaskMaker.Split plan() {
            return new TaskMaker.Split(ramBytes(), budgetBytes, lenders);
        }
    }

    private static final String LOST =
            "VMs that \"splitmem split\" or nova-bridge had announced before their start are expected no more,"
                    + " and their sub-hosts free what they had reserved: announce those again that have not started";

    private final Path file;
    private final Map<UUID, Expected> all = new LinkedHashMap<>(); // guarded by this

    /**
     * Reads what an earlier daemon expected. Without it nothing is lost that cannot be asked for again: no page of these VMs is anywhere, and
     * their sub-hosts free a reservation that its owner does not confirm.
     */
    public ExpectationFile(Path file) throws IOException {
        this.file = file;
        for (Expected one : RecordFile.loadList(file, Expected[].class, LOST)) {
            all.put(one.vm(), one);
        }
    }

    synchronized List<Expected> all() {
        return List.copyOf(all.values());
    }

    synchronized @Nullable Expected find(UUID vm) {
        return all.get(vm);
    }

    /** Also in place of an earlier one. @throws IOException if it cannot be written down: nothing has changed then */
    synchronized void put(Expected one) throws IOException {
        Map<UUID, Expected> next = new LinkedHashMap<>(all);
        next.put(one.vm(), one);
        replace(next);
    }

    synchronized void remove(Expected one) throws IOException {
        Map<UUID, Expected> next = new LinkedHashMap<>(all);
        next.remove(one.vm());
        replace(next);
    }

    private void replace(Map<UUID, Expected> next) throws IOException {
        RecordFile.save(file, List.copyOf(next.values()));
        all.clear();
        all.putAll(next);
    }
}
