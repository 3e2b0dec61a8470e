package org.splitmem.memory.operation;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/**
 * All operations of this host: those under way, and the last ones that are over, also those of earlier daemons. Each is in the journal before
 * anything of it is done. Any thread.
 *
 * <p>What is to be done with VMs say their own records, and what is to leave this host says its own: those
 * who know them are followers, which begin and end operations as these records say, also after a restart.
 */
public final class Operations {
    private static final Logger log = LoggerFactory.getLogger(Operations.class);

    /** Of those that are over. */
    static final int REMEMBERED = 100;

    static final long REMEMBERED_MS = TimeUnit.DAYS.toMillis(7);

    /** Brings the operations of its kinds up to date. */
    public interface Follower {
        void follow();
    }

    private final Journal journal;
    private final FaultPoints points;
    private final LongSupplier clock;
    private final List<Follower> followers = new CopyOnWriteArrayList<>();

    // Guarded by this.
    private final Map<String, Operation> operations = new LinkedHashMap<>(); // by the names of their files
    private final Set<String> unwritten = new HashSet<>();

    /** Reads what earlier daemons have written. */
    public Operations(Path directory, FaultPoints points) {
        this(directory, points, System::currentTimeMillis);
    }

    /** @param clock in milliseconds since 1970 */
    Operations(Path directory, FaultPoints points, LongSupplier clock) {
        this.journal = new Journal(directory);
        this.points = points;
        this.clock = clock;
        List<OperationRecord> found = new ArrayList<>(journal.read());
        found.sort(Comparator.comparing(OperationRecord::startedAtMs));
        for (OperationRecord record : found) {
            operations.put(record.fileName(), new Operation(this, record, true, null));
            if (!record.state().isOver()) {
                log.info(
                        "vm={} operation={} {} was under way when splitmemd ended",
                        record.vm(),
                        record.id(),
                        record.kind().text());
            }
        }
    }

    /** To be called before anything begins. */
    public void follow(Follower follower) {
        followers.add(follower);
    }

    /**
     * Begins one: it is in the journal when this returns, or, if that cannot be written now, will be.
     *
     * @param first PREPARING, or RUNNING if nothing has to be reserved
     */
    public Operation begin(Operation.Subject subject, OperationState first, @Nullable Work work) {
        Operation begun;
        synchronized (this) {
            OperationRecord record = subject.begun(first, nowMs());
            begun = new Operation(this, record, false, work);
            operations.remove(record.fileName()); // to be the last
            operations.put(record.fileName(), begun);
            write(begun);
        }
        points.reached(FaultPoint.OPERATION_NOTED);
        return begun;
    }

    void endsNow() {
        points.reached(FaultPoint.OPERATION_OVER);
    }

    long nowMs() {
        return clock.getAsLong();
    }

    synchronized void write(Operation operation) {
        OperationRecord record = operation.record();
        if (operations.get(record.fileName()) != operation) {
            return; // another has its id now
        }
        try {
            journal.write(record);
            unwritten.remove(record.fileName());
        } catch (IOException e) {
            unwritten.add(record.fileName());
            log.error("operation={} goes on, and is not in the journal: {}", record.id(), e.getMessage());
        }
    }

    // ---- who asks

    /** Those under way, in the order of their beginning. */
    public synchronized List<Operation> running() {
        return operations.values().stream()
                .filter(operation -> !operation.isOver())
                .toList();
    }

    /** Of one VM, or of the host itself. */
    public List<Operation> running(@Nullable UUID vm) {
        return running().stream()
                .filter(operation -> vm == null ? operation.vm() == null : vm.equals(operation.vm()))
                .toList();
    }

    public List<Operation> running(@Nullable UUID vm, OperationKind kind) {
        return running(vm).stream()
                .filter(operation -> operation.kind() == kind)
                .toList();
    }

    /** Those that are over, the last one first. */
    public synchronized List<Operation> ended() {
        return operations.values().stream()
                .filter(Operation::isOver)
                .sorted(Comparator.comparing(Operations::finishedAtMs).reversed())
                .toList();
    }

    private static long finishedAtMs(Operation operation) {
        Long ms = operation.record().finishedAtMs();
        return ms == null ? Long.MAX_VALUE : ms;
    }

    /** As they are seen from outside, brought up to date: those under way, then, if they are wanted, those that are over. */
    public List<OperationInfo> list(boolean alsoEnded) {
        followers.forEach(Follower::follow);
        List<Operation> all = new ArrayList<>(running());
        if (alsoEnded) {
            all.addAll(ended());
        }
        return all.stream().map(Operation::info).toList();
    }

    /** @throws RefusedException if there is none */
    public OperationInfo show(String id) throws RefusedException {
        followers.forEach(Follower::follow);
        return require(id).info();
    }

    /**
     * Ends one before its time. One that is over is answered as it ended.
     *
     * @throws RefusedException if there is none, or it cannot be ended
     */
    public OperationInfo cancel(String id, String reason) throws RefusedException {
        followers.forEach(Follower::follow);
        Operation operation = require(id);
        operation.cancel(reason);
        followers.forEach(Follower::follow);
        return operation.info();
    }

    private Operation require(String id) throws RefusedException {
        Optional<Operation> running =
                running().stream().filter(one -> one.id().equals(id)).findFirst();
        return running.or(() ->
                        ended().stream().filter(one -> one.id().equals(id)).findFirst())
                .orElseThrow(() -> new RefusedException(
                        RefusalCode.OPERATION_NOT_FOUND,
                        "no operation " + id + " on this host; \"splitmem operations\" lists those under way"));
    }

    // ---- upkeep

    /**
     * Brings all up to date, writes what could not be written, and forgets what is long over. To be called now and then.
     *
     * @throws UncheckedIOException if the journal cannot be written
     */
    public void sweep() {
        followers.forEach(Follower::follow);
        forget();
        writeAgain();
    }

    private synchronized void writeAgain() {
        for (String name : List.copyOf(unwritten)) {
            Operation operation = operations.get(name);
            try {
                if (operation != null) {
                    journal.write(operation.record());
                }
                unwritten.remove(name);
            } catch (IOException e) {
                throw new UncheckedIOException("the journal of operations cannot be written", e);
            }
        }
    }

    private synchronized void forget() {
        List<Operation> ended = ended();
        long sinceMs = nowMs() - REMEMBERED_MS;
        for (int i = 0; i < ended.size(); i++) {
            if (i >= REMEMBERED || finishedAtMs(ended.get(i)) < sinceMs) {
                forget(ended.get(i).record());
            }
        }
    }

    private void forget(OperationRecord record) {
        try {
            journal.remove(record);
            operations.remove(record.fileName());
            unwritten.remove(record.fileName());
        } catch (IOException e) {
            throw new UncheckedIOException("what is long over stays in the journal of operations", e);
        }
    }
}
