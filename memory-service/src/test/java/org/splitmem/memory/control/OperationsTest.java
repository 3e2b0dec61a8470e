package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Json;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;

/** Everything that is under way, in one list. */
class OperationsTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private TestControl h1;

    @BeforeEach
    void start() throws Exception {
        h1 = new TestControl(
                "h1", directory, Ports.free().getPort(), "h2", Ports.free().getPort());
    }

    @AfterEach
    void end() throws Exception {
        h1.close();
    }

    private List<OperationInfo> list() throws Exception {
        return Arrays.asList(Json.read(h1.ask("GET", "/v1/operations", "").body(), OperationInfo[].class));
    }

    @Test
    void nothingIsUnderWayAtFirst() throws Exception {
        h1.vms().prepare(TestVms.record("db1", VmRecord.Phase.PAGED, 64L << 20));

        assertThat(list()).isEmpty();
    }

    @Test
    void aVmThatComesHereAndADrainAreListed() throws Exception {
        VmRecord.Lender source = new VmRecord.Lender("h2", "127.0.0.1", 7780, "token", 64L << 20);
        h1.vms()
                .prepare(new VmRecord(
                        TestVms.UUID_OF_VM,
                        "db1",
                        VmRecord.Phase.INCOMING,
                        List.of(64L << 20),
                        2,
                        64L << 20,
                        List.of(),
                        source,
                        0,
                        null));
        h1.ask(
                "POST",
                "/v1/reservations",
                "{\"vm\":\"%s\",\"token\":\"%s\",\"epoch\":1,\"pages\":1000,\"bytes\":%d,\"owner\":\"h2\"}"
                        .formatted("6d1f0000-0000-4000-8000-000000000009", "t".repeat(64), 32 << 20));
        h1.ask("POST", "/v1/lending/drain", "{}");

        List<OperationInfo> all = list();

        assertThat(all).hasSize(2);
        OperationInfo comes = all.get(0);
        assertThat(comes.kind()).isEqualTo(OperationKind.RECEIVE);
        assertThat(comes.name()).isEqualTo("db1");
        assertThat(comes.from()).isEqualTo("h2");
        assertThat(comes.to()).isEqualTo("h1");
        assertThat(comes.end()).as("its source can end it").isNull();
        OperationInfo drain = all.get(1);
        assertThat(drain.kind()).isEqualTo(OperationKind.DRAIN);
        assertThat(drain.from()).isEqualTo("h1");
        assertThat(drain.end()).isEqualTo("splitmem drain h1 --cancel");
    }

    @Test
    void aDrainIsCancelledByItsIdAndListedAsEnded() throws Exception {
        h1.ask(
                "POST",
                "/v1/reservations",
                "{\"vm\":\"%s\",\"token\":\"%s\",\"epoch\":1,\"pages\":1000,\"bytes\":%d,\"owner\":\"h2\"}"
                        .formatted("6d1f0000-0000-4000-8000-000000000009", "t".repeat(64), 32 << 20));
        h1.ask("POST", "/v1/lending/drain", "{}");
        String id = list().get(0).id();
        assertThat(show("/v1/operations/" + id).state()).isEqualTo(OperationState.RUNNING);

        OperationInfo ended = Json.read(
                h1.ask("DELETE", "/v1/operations/" + id + "?reason=kept%20after%20all", "")
                        .body(),
                OperationInfo.class);

        assertThat(ended.state()).isEqualTo(OperationState.CANCELLED);
        assertThat(ended.reason()).isEqualTo("kept after all");
        assertThat(ended.finishedAtMs()).isNotNull();
        assertThat(h1.ask("GET", "/v1/lending", "").body()).contains("\"state\":\"LENDING\"");
        assertThat(list()).isEmpty();
        assertThat(Json.read(h1.ask("GET", "/v1/operations?ended=true", "").body(), OperationInfo[].class))
                .containsExactly(ended);
        assertThat(show("/v1/operations/" + id)).isEqualTo(ended);
    }

    /** More is reserved than the limit that was set. */
    @Test
    void whatALimitHasBegunOnlyAnotherLimitEnds() throws Exception {
        h1.ask(
                "POST",
                "/v1/reservations",
                "{\"vm\":\"%s\",\"token\":\"%s\",\"epoch\":1,\"pages\":1000,\"bytes\":%d,\"owner\":\"h2\"}"
                        .formatted("6d1f0000-0000-4000-8000-000000000009", "t".repeat(64), 32 << 20));
        h1.ask("PUT", "/v1/lending/limit", "{\"bytes\":0}");
        String id = list().get(0).id();

        var refused = h1.ask("DELETE", "/v1/operations/" + id, "");
        assertThat(refused.statusCode()).isEqualTo(409);
        assertThat(refused.body()).contains("not-cancellable").contains("splitmem lend h1 SIZE");

        h1.ask("DELETE", "/v1/lending/limit", "");
        assertThat(show("/v1/operations/" + id).state()).isEqualTo(OperationState.DONE);
    }

    @Test
    void oneThatIsUnknownIsNotFound() throws Exception {
        assertThat(h1.ask("GET", "/v1/operations/x", "").statusCode()).isEqualTo(404);
        assertThat(h1.ask("DELETE", "/v1/operations/x", "").body()).contains("operation-not-found");
        assertThat(h1.ask("DELETE", "/v1/operations/x?reason=%0A", "").body()).contains("invalid-reason");
    }

    private OperationInfo show(String path) throws Exception {
        return Json.read(h1.ask("GET", path, "").body(), OperationInfo.class);
    }
}
