package org.splitmem.memory.operation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusedException;

/** What is under way and what became of it, whatever happens to the daemon and to its files. */
class OperationsTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");

    private final List<FaultPoint> points = new ArrayList<>();
    private long nowMs = 1_790_000_000_000L;

    @TempDir
    private Path parent;

    private Operations operations;

    @BeforeEach
    void start() {
        operations = load();
    }

    /** As the next daemon does. */
    private Operations load() {
        return new Operations(directory(), points::add, () -> nowMs);
    }

    private Path directory() {
        return parent.resolve("operations");
    }

    private static Operation.Subject subject(OperationKind kind) {
        return new Operation.Subject(null, kind, VM, "db1", "h1", "h2");
    }

    private Operation begin(OperationKind kind) {
        return operations.begin(subject(kind), OperationState.PREPARING, null);
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(directory())) {
            return files.sorted().toList();
        }
    }

    @Test
    void itIsInTheJournalBeforeAnythingIsDone() throws Exception {
        Operation begun = begin(OperationKind.SPLIT);

        assertThat(points).containsExactly(FaultPoint.OPERATION_NOTED);
        assertThat(files()).containsExactly(directory().resolve("split-" + begun.id() + ".json"));
    }

    @Test
    void theNextDaemonKnowsWhatWasUnderWay() {
        Operation begun = begin(OperationKind.MIGRATE);
        begun.enter(OperationState.RUNNING);
        nowMs += 1;

        OperationInfo found = load().list(false).get(0);

        assertThat(found.id()).isEqualTo(begun.id());
        assertThat(found.kind()).isEqualTo(OperationKind.MIGRATE);
        assertThat(found.vm()).isEqualTo(VM.toString());
        assertThat(found.name()).isEqualTo("db1");
        assertThat(found.from()).isEqualTo("h1");
        assertThat(found.to()).isEqualTo("h2");
        assertThat(found.state()).isEqualTo(OperationState.RUNNING);
        assertThat(found.startedAtMs()).isEqualTo(nowMs - 1);
    }

    @Test
    void theNextDaemonKnowsWhatBecameOfItAndWhy() {
        begin(OperationKind.SPLIT).end(OperationState.FAILED, "h4 refused");
        nowMs += 1;
        begin(OperationKind.GATHER).end(OperationState.DONE, null);
        operations = load();

        assertThat(operations.list(false)).isEmpty();
        List<OperationInfo> all = operations.list(true);
        assertThat(all).extracting(OperationInfo::kind).containsExactly(OperationKind.GATHER, OperationKind.SPLIT);
        assertThat(all).extracting(OperationInfo::reason).containsExactly(null, "h4 refused");
        assertThat(all).extracting(OperationInfo::phase).containsExactly("DONE", "FAILED");
        assertThat(all).extracting(OperationInfo::finishedAtMs).containsExactly(nowMs, nowMs - 1);
    }

    @Test
    void aStepThatIsNotInTheTableThrowsAndChangesNothing() {
        Operation begun = begin(OperationKind.MIGRATE);

        assertThatThrownBy(() -> begun.enter(OperationState.COMPLETING))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("migrate " + begun.id() + " of VM " + VM + ": PREPARING -> COMPLETING");

        assertThat(begun.state()).isEqualTo(OperationState.PREPARING);
        begun.end(OperationState.CANCELLED, "asked to");
        assertThatThrownBy(() -> begun.enter(OperationState.RUNNING)).isInstanceOf(IllegalStateException.class);
    }

    /** One thread finds it running, and another ends it before the first takes it further. */
    @Test
    void oneThatIsOverMeanwhileIsNotTakenFurther() {
        Operation begun = begin(OperationKind.RECEIVE);
        begun.enterUnlessOver(OperationState.RUNNING);
        assertThat(begun.state()).isEqualTo(OperationState.RUNNING);
        begun.end(OperationState.FAILED, "its source gave up the migration");

        begun.enterUnlessOver(OperationState.COMPLETING);

        assertThat(begun.state()).isEqualTo(OperationState.FAILED);
    }

    @Test
    void theFirstEndCounts() {
        Operation begun = begin(OperationKind.GATHER);
        begun.end(OperationState.CANCELLED, "asked to");
        begun.end(OperationState.DONE, null);

        assertThat(begun.info().state()).isEqualTo(OperationState.CANCELLED);
        assertThat(points).containsExactly(FaultPoint.OPERATION_NOTED, FaultPoint.OPERATION_OVER);
    }

    @Test
    void aDamagedRecordIsSetAsideAndHarmsNoOther() throws Exception {
        Operation good = begin(OperationKind.SPLIT);
        Operation bad = begin(OperationKind.GATHER);
        Path file = directory().resolve("gather-" + bad.id() + ".json");
        Files.writeString(file, Files.readString(file).replace("db1", "db2"));
        Files.writeString(directory().resolve("drain-empty.json"), "");

        operations = load();

        assertThat(operations.running()).extracting(Operation::id).containsExactly(good.id());
        assertThat(files())
                .extracting(path -> path.getFileName().toString())
                .containsExactlyInAnyOrder(
                        "split-" + good.id() + ".json",
                        "gather-" + bad.id() + ".json.damaged",
                        "drain-empty.json.damaged");
    }

    /** A record under the name of another, as after a copy by hand, would be written over that one. */
    @Test
    void aRecordUnderAnotherNameIsSetAside() throws Exception {
        Operation one = begin(OperationKind.SPLIT);
        Path file = directory().resolve("split-" + one.id() + ".json");
        Files.copy(file, directory().resolve("split-" + VM + ".json"));

        assertThat(load().running()).extracting(Operation::id).containsExactly(one.id());
        assertThat(directory().resolve("split-" + VM + ".json.damaged")).exists();
    }

    @Test
    void whatIsOverIsForgottenWhenThereAreManyOrItIsOld() throws Exception {
        Operation old = begin(OperationKind.DRAIN);
        old.end(OperationState.DONE, null);
        Operation goesOn = begin(OperationKind.MIGRATE);
        nowMs += Operations.REMEMBERED_MS + 1;
        operations.sweep();
        assertThat(operations.list(true)).extracting(OperationInfo::id).containsExactly(goesOn.id());

        for (int i = 0; i < Operations.REMEMBERED + 5; i++) {
            nowMs += 1;
            begin(OperationKind.GATHER).end(OperationState.DONE, null);
        }
        operations.sweep();
        assertThat(operations.ended()).hasSize(Operations.REMEMBERED);
        assertThat(files()).hasSize(Operations.REMEMBERED + 1);
        assertThat(load().ended()).hasSize(Operations.REMEMBERED);
    }

    /** The file system may be full for a while. */
    @Test
    void whatCannotBeWrittenGoesOnAndIsWrittenLater() throws Exception {
        Files.delete(directory());
        Files.writeString(directory(), "not a directory");
        Operation begun = begin(OperationKind.SPLIT);
        begun.enter(OperationState.RUNNING);

        assertThat(operations.running()).containsExactly(begun);
        assertThatThrownBy(operations::sweep)
                .hasMessageContaining("the journal of operations cannot be written")
                .hasMessageContaining("operations");

        Files.delete(directory());
        Files.createDirectory(directory());
        operations.sweep();
        assertThat(load().running().get(0).state()).isEqualTo(OperationState.RUNNING);
    }

    /** Guests depend on a daemon that starts. */
    @Test
    void aDaemonStartsWithoutAJournal() throws Exception {
        Files.delete(directory());
        Files.writeString(directory(), "not a directory");

        operations = load();

        assertThat(operations.list(true)).isEmpty();
        assertThatThrownBy(() -> {
                    begin(OperationKind.SPLIT);
                    operations.sweep();
                })
                .hasMessageContaining("the journal of operations cannot be written");
    }

    @Test
    void theSourceAndTheDestinationOfAMigrationHaveRecordsOfTheirOwn() {
        UUID id = UUID.randomUUID();
        operations.begin(
                new Operation.Subject(id, OperationKind.MIGRATE, VM, "db1", "h1", "h2"),
                OperationState.PREPARING,
                null);
        operations.begin(
                new Operation.Subject(id, OperationKind.RECEIVE, VM, "db1", "h2", "h1"), OperationState.RUNNING, null);

        assertThat(load().running()).hasSize(2);
    }

    private static final class Gather implements Work {
        private @Nullable String cancelledFor;

        @Override
        public Progress progress() {
            return new Progress("PAGED", 4096L, 1024, 4L, "h3 does not answer");
        }

        @Override
        public String end() {
            return "splitmem budget db1 SIZE";
        }

        @Override
        public void cancel(String reason) {
            cancelledFor = reason;
        }
    }

    @Test
    void itIsSeenAsFarAsItsWorkIs() {
        operations.begin(subject(OperationKind.GATHER), OperationState.RUNNING, new Gather());

        OperationInfo info = operations.list(false).get(0);

        assertThat(info.phase()).isEqualTo("PAGED");
        assertThat(info.bytesRemaining()).isEqualTo(4096);
        assertThat(info.rateBytesPerSecond()).isEqualTo(1024);
        assertThat(info.etaSeconds()).isEqualTo(4);
        assertThat(info.trouble()).isEqualTo("h3 does not answer");
        assertThat(info.end()).isEqualTo("splitmem budget db1 SIZE");
    }

    @Test
    void itIsCancelledByItsIdAndOneThatIsOverIsAnsweredAsItEnded() throws Exception {
        Gather work = new Gather();
        Operation begun = operations.begin(subject(OperationKind.GATHER), OperationState.RUNNING, work);

        operations.cancel(begun.id(), "enough");
        assertThat(work.cancelledFor).isEqualTo("enough");

        begun.end(OperationState.DONE, null);
        work.cancelledFor = null;
        assertThat(operations.cancel(begun.id(), "once more").state()).isEqualTo(OperationState.DONE);
        assertThat(work.cancelledFor).isNull();
        assertThatThrownBy(() -> operations.cancel("nothing", "x"))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.code()).isEqualTo("operation-not-found"));
    }

    /** Nothing is known yet of what would have to be ended. */
    @Test
    void oneThatARestartHasCutIsNotCancelled() {
        Operation begun = begin(OperationKind.MIGRATE);
        operations = load();

        assertThatThrownBy(() -> operations.cancel(begun.id(), "enough"))
                .hasMessageContaining("was cut by a restart of splitmemd")
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.code()).isEqualTo("not-cancellable"));
    }

    @Test
    void followersAreAskedBeforeAnythingIsListed() {
        operations.follow(() -> begin(OperationKind.DRAIN));

        assertThat(operations.list(false)).hasSize(1);
        assertThat(TimeUnit.MILLISECONDS.toDays(Operations.REMEMBERED_MS)).isEqualTo(7);
    }
}
