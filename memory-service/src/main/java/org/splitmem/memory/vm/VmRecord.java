package org.splitmem.memory.vm;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.Processes;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.model.DataSize;

/**
 * What a daemon must know of a VM to take it up again after a restart; kept beside its RAM, and as long.
 *
 * @param backendBytes of each RAM backend; empty until QEMU has mapped them
 * @param epoch of ownership, shown to memory servers
 * @param budgetBytes how much may be resident here; -1: all of it
 * @param lenders the memory servers by index, as page table entries name them; one that is no memory server any more keeps its index
 * @param source while pages are still at the migration's source: how its new owner reaches them
 * @param pid of QEMU, 0 if none has attached yet
 * @param destination host to which it is leaving, or has left
 * @param qemuStarted when that process began, as {@link Processes#startOf}, so that a later one of its number is not taken for it; 0 if not known
 * @param gatherRate bytes a second with which it is gathered here at most; 0: no limit
 */
public record VmRecord(
        @JsonProperty(required = true) UUID uuid,
        @JsonProperty(required = true) String name,
        @JsonProperty(required = true) Phase phase,
        @JsonProperty(required = true) List<Long> backendBytes,
        @JsonProperty(required = true) long epoch,
        @JsonProperty(required = true) long budgetBytes,
        @JsonProperty(required = true) List<Lender> lenders,
        @Nullable Lender source,
        @JsonProperty(required = true) int pid,
        @Nullable String destination,
        long qemuStarted,
        long gatherRate) {

    /**
     * How far a VM has come on this host. {@link #leadsTo} is the table of its way:
     *
     * <pre>
     *   INCOMING -> PAGED            it was handed over to this host
     *   PAGED    -> LOCAL            all of it is here, and may stay
     *   LOCAL    -> PAGED            it was split here
     *   LOCAL, PAGED  -> LEAVING     the hypervisor migrates it
     *   LEAVING  -> LEFT             it was handed over to the destination
     *   LEAVING, LEFT -> LOCAL       the hypervisor has the guest run here again
     *   LEAVING, LEFT -> PAGED       the same, of one that was split when it began to leave
     * </pre>
     */
    public enum Phase {
        /** Whole here, served by the kernel alone. */
        LOCAL,
        /** Prepared for a migration that has not been handed over. */
        INCOMING,
        /** Paged by this daemon. */
        PAGED,
        /** The hypervisor is migrating it away: until the guest runs again, here or there, nobody knows whose it is. */
        LEAVING,
        /** Handed over to another host, which may still fetch pages. */
        LEFT;

        /** Whether the record of a VM in this phase may say that one next. */
        boolean leadsTo(Phase next) {
            return switch (this) {
                case INCOMING -> next == PAGED;
                case LEFT -> next == LOCAL || next == PAGED;
                case PAGED -> next == LOCAL || next == LEAVING;
                case LOCAL -> next == PAGED || next == LEAVING;
                case LEAVING -> next == LEFT || next == LOCAL || next == PAGED;
            };
        }
    }

    /**
     * Who keeps pages of this VM.
     *
     * @param address of its data port
     * @param token to show there
     * @param reservedBytes lent to us
     * @param stage absent: it keeps pages, and gets more
     * @param moveRate of one that is being emptied: bytes a second with which its pages move at most; absent: no limit
     */
    public record Lender(
            @JsonProperty(required = true) String host,
            @JsonProperty(required = true) String address,
            @JsonProperty(required = true) int dataPort,
            @JsonProperty(required = true) String token,
            @JsonProperty(required = true) long reservedBytes,
            @Nullable Stage stage,
            @Nullable Long moveRate) {
        /** Of one that does not just lend. */
        public enum Stage {
            /** It is about to be asked to lend, and may have been: its index is in no page table entry. */
            COMING,
            /** It is being emptied: it keeps pages, and gets no more. */
            LEAVING,
            /**
             * The migration's source is its owner until that has confirmed that the guest cannot run there any more: what it keeps may be
             * read, and nothing be changed.
             */
            SHARED,
            /** The same, and it is to be emptied afterwards. */
            SHARED_LEAVING,
            /** It keeps nothing: its index is free. */
            GONE
        }

        public Lender(String host, String address, int dataPort, String token, long reservedBytes) {
            this(host, address, dataPort, token, reservedBytes, null, null);
        }

        private Lender in(@Nullable Stage next, @Nullable Long rate) {
            return new Lender(host, address, dataPort, token, reservedBytes, next, rate);
        }

        public Lender coming() {
            return in(Stage.COMING, null);
        }

        /** @param rate see {@link #moveRate} */
        public Lender leaving(@Nullable Long rate) {
            return in(Stage.LEAVING, rate);
        }

        public Lender staying() {
            return in(null, null);
        }

        /** As a new owner of the VM knows it, who shows a token of its own. */
        public Lender sharedUnder(String newToken) {
            return withToken(newToken).in(is(Stage.GONE) ? stage : Stage.SHARED, null);
        }

        /**
         * The same, of one that the new owner is to empty.
         *
         * @param rate see {@link #moveRate}
         */
        public Lender sharedAndLeaving(String newToken, @Nullable Long rate) {
            return withToken(newToken).in(Stage.SHARED_LEAVING, rate);
        }

        private Lender withToken(String next) {
            return new Lender(host, address, dataPort, next, reservedBytes, stage, moveRate);
        }

        /** Once it is shared no more. */
        private Lender takenOver() {
            return is(Stage.SHARED_LEAVING) ? leaving(moveRate) : is(Stage.SHARED) ? staying() : this;
        }

        public Lender gone() {
            return in(Stage.GONE, null);
        }

        public boolean is(Stage what) {
            return stage == what;
        }

        /** Whether pages may be there. */
        public boolean keepsPages() {
            return stage == null || stage == Stage.LEAVING || isShared();
        }

        /** Whether it is being emptied, or will be once the migration's source is done with it. */
        boolean isToBeEmptied() {
            return stage == Stage.LEAVING || stage == Stage.SHARED_LEAVING;
        }

        /** Whether it is still the migration's source's as well. */
        boolean isShared() {
            return stage == Stage.SHARED || stage == Stage.SHARED_LEAVING;
        }

        public Lender {
            Objects.requireNonNull(host, "the host of a memory server is missing");
            Objects.requireNonNull(address, "the address of a memory server is missing");
            Objects.requireNonNull(token, "the token of a memory server is missing");
            range(host, "dataPort", dataPort, 1, 65_535);
            range(host, "reservedBytes", reservedBytes, 0, DataSize.MOST_BYTES);
            range(host, "moveRate", moveRate == null ? 1 : moveRate, 1, Long.MAX_VALUE);
        }

        private static void range(String host, String field, long value, long least, long most) {
            if (value < least || value > most) {
                throw new IllegalArgumentException("memory server " + host + ": " + field + " is " + value + ": "
                        + least + " to " + most + " are possible");
            }
        }
    }

    /** Of a VM whose QEMU has just been started. */
    public static final long FIRST_EPOCH = 1;

    /** The least budget that a VM can run with. */
    public static final long LEAST_BUDGET_BYTES = 16L << 20;

    /** Of a reservation: kept free for what is under way. */
    private static final long UNDER_WAY_PAGES = 1024;

    private static final String FILE = "vm.json";

    public VmRecord {
        Objects.requireNonNull(uuid, "the uuid is missing");
        Objects.requireNonNull(name, "the name is missing");
        Objects.requireNonNull(phase, "the phase is missing");
        backendBytes = sizes(backendBytes);
        lenders = List.copyOf(lenders);
    }

    /** Of one of whose QEMU it is not known when it started, or that has none. */
    public VmRecord(
            UUID uuid,
            String name,
            Phase phase,
            List<Long> backendBytes,
            long epoch,
            long budgetBytes,
            List<Lender> lenders,
            @Nullable Lender source,
            int pid,
            @Nullable String destination) {
        this(uuid, name, phase, backendBytes, epoch, budgetBytes, lenders, source, pid, destination, 0, 0);
    }

    /** @throws IllegalArgumentException if they are no sizes, or their sum is none */
    static List<Long> sizes(List<Long> backendBytes) {
        long sum = 0;
        for (long bytes : backendBytes) {
            if (bytes < 0 || bytes > Long.MAX_VALUE - sum) {
                throw new IllegalArgumentException("not the sizes of RAM backends: " + backendBytes);
            }
            sum += bytes;
        }
        return List.copyOf(backendBytes);
    }

    /** A VM whose QEMU has just been started here. */
    public static VmRecord started(UUID uuid, String name, int pid) {
        return new VmRecord(uuid, name, Phase.LOCAL, List.of(), FIRST_EPOCH, -1, List.of(), null, 0, null).withPid(pid);
    }

    /** Of all backends; 0 until QEMU has mapped them. */
    public long ramBytes() {
        return backendBytes.stream().mapToLong(Long::longValue).sum();
    }

    /** Of a backend; 0 until QEMU has mapped it. */
    long expectedBytes(int backend) {
        return backend < backendBytes.size() ? backendBytes.get(backend) : 0;
    }

    /** Most pages that may be on this host. */
    public long budgetPages() {
        long ram = Pages.fromBytes(ramBytes());
        return budgetBytes < 0 ? ram : Math.min(ram, Pages.fromBytes(budgetBytes));
    }

    /** Whether memory server {@code host} is being emptied. */
    boolean isEmptied(int host) {
        return host < lenders.size() && lenders.get(host).is(Lender.Stage.LEAVING);
    }

    /** Whether pages may be on memory server {@code host}. */
    boolean keepsPages(int host) {
        return host < lenders.size() && lenders.get(host).keepsPages();
    }

    /** Whether what memory server {@code host} keeps is this host's to change. */
    boolean ownsPages(int host) {
        return keepsPages(host) && !lenders.get(host).isShared();
    }

    /** Whether memory servers are still the migration's source's as well. */
    public boolean sharesLenders() {
        return lenders.stream().anyMatch(Lender::isShared);
    }

    /** Those that may have reserved something for it. */
    public List<Lender> lent() {
        return lenders.stream().filter(lender -> !lender.is(Lender.Stage.GONE)).toList();
    }

    /** Those that may have pages of it. */
    public List<Lender> keeping() {
        return lenders.stream().filter(Lender::keepsPages).toList();
    }

    /** Those that it is to have. */
    public List<Lender> staying() {
        return lenders.stream()
                .filter(lender -> lender.stage() == null || lender.is(Lender.Stage.SHARED))
                .map(Lender::staying)
                .toList();
    }

    /** How many more pages may be sent to memory server {@code host}; not positive: none. */
    long room(int host, PageTable table) {
        Lender lender = lenders.get(host);
        return lender.stage() == null
                ? Pages.fromBytes(lender.reservedBytes()) - table.countRemote(host) - UNDER_WAY_PAGES
                : 0;
    }

    public boolean hasQemu() {
        return pid != 0 && isRunning();
    }

    /** True if its QEMU has exited. */
    boolean isQemuGone() {
        return pid != 0 && !isRunning();
    }

    private boolean isRunning() {
        return Unistd.processExists(pid) && mayBeSame(qemuStarted, Processes.startOf(pid));
    }

    /** Whether two starts may be of one process; 0 says nothing, as when the daemon has no descriptor left to read it by. */
    static boolean mayBeSame(long started, long starts) {
        return started == 0 || starts == 0 || started == starts;
    }

    VmRecord withPhase(Phase next) {
        return new VmRecord(
                uuid,
                name,
                next,
                backendBytes,
                epoch,
                budgetBytes,
                lenders,
                source,
                pid,
                destination,
                qemuStarted,
                gatherRate);
    }

    VmRecord withBackendBytes(List<Long> bytes) {
        return new VmRecord(
                uuid,
                name,
                phase,
                bytes,
                epoch,
                budgetBytes,
                lenders,
                source,
                pid,
                destination,
                qemuStarted,
                gatherRate);
    }

    /** @param rate see {@link #gatherRate} */
    VmRecord withBudget(long bytes, long rate) {
        return new VmRecord(
                uuid, name, phase, backendBytes, epoch, bytes, lenders, source, pid, destination, qemuStarted, rate);
    }

    VmRecord withPid(int newPid) {
        return new VmRecord(
                uuid,
                name,
                phase,
                backendBytes,
                epoch,
                budgetBytes,
                lenders,
                source,
                newPid,
                destination,
                newPid == pid ? qemuStarted : Processes.startOf(newPid),
                gatherRate);
    }

    VmRecord withName(String next) {
        return new VmRecord(
                uuid,
                next,
                phase,
                backendBytes,
                epoch,
                budgetBytes,
                lenders,
                source,
                pid,
                destination,
                qemuStarted,
                gatherRate);
    }

    VmRecord withoutSource() {
        return new VmRecord(
                uuid, name, phase, backendBytes, epoch, budgetBytes, lenders, null, pid, null, qemuStarted, gatherRate);
    }

    /** The migration's source is done with it: this host alone owns what its memory servers keep. */
    VmRecord takenOver() {
        return withLenders(lenders.stream().map(Lender::takenOver).toList()).withoutSource();
    }

    VmRecord leaving(Lender how, String to) {
        return new VmRecord(
                uuid,
                name,
                Phase.LEAVING,
                backendBytes,
                epoch,
                budgetBytes,
                lenders,
                how,
                pid,
                to,
                qemuStarted,
                gatherRate);
    }

    VmRecord withoutLenders() {
        return new VmRecord(
                uuid,
                name,
                phase,
                backendBytes,
                epoch,
                budgetBytes,
                List.of(),
                source,
                pid,
                destination,
                qemuStarted,
                gatherRate);
    }

    /** With memory servers that have changed. */
    VmRecord withLenders(List<Lender> next) {
        return new VmRecord(
                uuid,
                name,
                phase,
                backendBytes,
                epoch,
                budgetBytes,
                next,
                source,
                pid,
                destination,
                qemuStarted,
                gatherRate);
    }

    /** Paged here by a new owner, within a budget. */
    VmRecord split(long budget) {
        return new VmRecord(
                uuid, name, Phase.PAGED, backendBytes, epoch + 1, budget, lenders, null, pid, null, qemuStarted, 0);
    }

    /** True of a VM that is to have a part of its RAM elsewhere. */
    public boolean runsSplit() {
        return phase == Phase.PAGED && !lent().isEmpty() && budgetBytes >= 0 && budgetBytes < ramBytes();
    }

    /** How this host, as the owner that the record names, reaches one of its memory servers, or the migration's source. */
    public Endpoint endpoint(Lender lender) {
        InetSocketAddress address = new InetSocketAddress(lender.address(), lender.dataPort());
        return new Endpoint(lender.host(), address, uuid, lender.token(), epoch, Pages.fromBytes(ramBytes()));
    }

    /** True of one that is to come with memory servers although there is room for all of it here. */
    public boolean mayReadAhead() {
        return phase == Phase.INCOMING && sharesLenders() && budgetPages() == Pages.fromBytes(ramBytes());
    }

    /** True of one that was given room for all of its RAM after it had been split: what is elsewhere is to come here. */
    boolean isToBeWhole() {
        return phase == Phase.PAGED && budgetBytes >= ramBytes() && ramBytes() > 0;
    }

    /** True if memory was being reserved for it when its daemon died: nobody knows where. */
    public boolean wasBeingSplit() {
        return phase == Phase.LOCAL && !lenders.isEmpty();
    }

    /** True of one that this host owns and pages. */
    boolean isPaged() {
        return phase == Phase.PAGED;
    }

    /** True while it is not known of each page whether it is here or at the migration's source. */
    boolean isSealed() {
        return phase == Phase.INCOMING || (phase == Phase.PAGED && source != null);
    }

    /** How this host reaches the pages of a VM that has migrated to it, as long as any may be at the migration's source. */
    public @Nullable Lender comesFrom() {
        return phase == Phase.INCOMING || phase == Phase.PAGED ? source : null;
    }

    /** True of one that is leaving, or has left, and was split here when it began to leave. */
    public boolean leavesSplit() {
        return (phase == Phase.LEAVING || phase == Phase.LEFT) && !lenders.isEmpty();
    }

    /** True of one whose page table is kept for as long as it is here. */
    public boolean hasTable() {
        return phase == Phase.INCOMING || phase == Phase.PAGED || leavesSplit();
    }

    /** True while another host may come to fetch its pages from here. */
    public boolean mayBeFetchedFrom() {
        return (phase == Phase.LEAVING || phase == Phase.LEFT) && source != null;
    }

    static boolean isIn(Path directory) {
        return Files.exists(directory.resolve(FILE));
    }

    void save(Path directory) throws IOException {
        RecordFile.save(directory.resolve(FILE), this);
    }

    /** Reads the record of a VM's directory. @throws IOException naming the file if it cannot be read or understood */
    static VmRecord load(Path directory) throws IOException {
        return RecordFile.load(directory.resolve(FILE), VmRecord.class);
    }
}
