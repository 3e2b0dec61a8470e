package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Json;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;

/** What a host lends, as the control APIs of two hosts say and change it: h1, and its peer h2. */
class LendingOverHttpTest {
    private static final UUID VM = TestVms.UUID_OF_VM;
    private static final String TOKEN = "t".repeat(64);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @RegisterExtension
    final MemoryDirectory other = new MemoryDirectory();

    private TestControl h1;
    private TestControl h2;
    private boolean isAway;

    @BeforeEach
    void start() throws Exception {
        int port = Ports.free().getPort();
        h1 = new TestControl("h1", directory, Ports.free().getPort(), "h2", port);
        h2 = new TestControl("h2", other, port, "h1", h1.config().controlPort());
    }

    @AfterEach
    void end() throws Exception {
        h1.close();
        h2GoesAway();
    }

    private void h2GoesAway() throws Exception {
        if (!isAway) {
            h2.close();
        }
        isAway = true;
    }

    private static LendingInfo read(HttpResponse<String> answer, int status) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        return Json.read(answer.body(), LendingInfo.class);
    }

    private static void isRefused(HttpResponse<String> answer, int status, String code) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(answer.body()).contains("\"" + code + "\"");
    }

    private HttpResponse<String> reserveAtH1() throws Exception {
        return h1.ask(
                "POST",
                "/v1/reservations",
                "{\"vm\":\"%s\",\"token\":\"%s\",\"epoch\":1,\"pages\":1000,\"bytes\":%d,\"owner\":\"h2\"}"
                        .formatted(VM, TOKEN, 32 << 20));
    }

    @Test
    void aHostIsDrainedThroughAnyOther() throws Exception {
        assertThat(reserveAtH1().statusCode()).isEqualTo(204);
        assertThat(read(h2.ask("GET", "/v1/hosts/h1/lending", ""), 200).state()).isEqualTo(LendingState.LENDING);

        LendingInfo begun = read(h2.ask("POST", "/v1/hosts/h1/lending/drain", "{\"to\":[{\"host\":\"h2\"}]}"), 202);

        assertThat(begun.host()).isEqualTo("h1");
        assertThat(begun.state()).isEqualTo(LendingState.DRAINING);
        assertThat(begun.lentBytes()).isEqualTo(32 << 20);
        assertThat(begun.leaving()).extracting(LeavingVm::mainHost).containsExactly("h2");
        assertThat(h1.ask("GET", "/v1/host", "").body()).contains("\"freeBytes\":0", "\"draining\":true");
        HttpResponse<String> refused = h1.ask(
                "POST",
                "/v1/reservations",
                "{\"vm\":\"%s\",\"token\":\"t\",\"epoch\":1,\"pages\":1,\"bytes\":1,\"owner\":\"h2\"}"
                        .formatted(UUID.randomUUID()));
        isRefused(refused, 507, "no-room");
        assertThat(refused.body()).contains("splitmem drain h1 --cancel");

        h1.ask("DELETE", "/v1/reservations/" + VM + "?token=" + TOKEN, "");
        assertThat(read(h2.ask("GET", "/v1/hosts/h1/lending", ""), 200).state()).isEqualTo(LendingState.EMPTY);
        assertThat(read(h2.ask("DELETE", "/v1/hosts/h1/lending/drain", ""), 200).state())
                .isEqualTo(LendingState.LENDING);
        assertThat(h1.ask("GET", "/v1/host", "").body()).doesNotContain("draining");
        isRefused(h2.ask("DELETE", "/v1/hosts/h1/lending/drain", ""), 409, "not-being-drained");
    }

    /** The main host is asked over its API, and what it says is shown. */
    @Test
    void aMainHostSaysWhyPagesDoNotMove() throws Exception {
        reserveAtH1();
        h2.vms().prepare(TestVms.lentBy(TestVms.record("db1", VmRecord.Phase.PAGED, 64 << 20), "h1"));
        h1.ask("POST", "/v1/lending/drain", "{}");

        Await.until("h2 has answered", () -> {
            h1.drainer().sweep(System.nanoTime());
            return "QEMU of VM db1 is not connected to splitmemd of h2"
                    .equals(read(h1.ask("GET", "/v1/lending", ""), 200)
                            .leaving()
                            .get(0)
                            .trouble());
        });
        assertThat(h1.ask("GET", "/metrics", "").body())
                .contains("splitmem_draining 1.0", "splitmem_leaving_vms_in_trouble 1.0", "splitmem_leaving_bytes 0.0");

        h2GoesAway();
        Await.until("h2 is away", () -> {
            h1.drainer().sweep(System.nanoTime() + 60_000_000_000L);
            return String.valueOf(read(h1.ask("GET", "/v1/lending", ""), 200)
                            .leaving()
                            .get(0)
                            .trouble())
                    .contains("\"splitmem forget-host h2\"");
        });
    }

    @Test
    void howMuchIsLentIsSetAndTakenBack() throws Exception {
        reserveAtH1();

        LendingInfo less = read(h2.ask("PUT", "/v1/hosts/h1/lending/limit", "{\"bytes\":1048576}"), 200);

        assertThat(less.state()).isEqualTo(LendingState.SHRINKING);
        assertThat(less.limitBytes()).isEqualTo(1 << 20);
        assertThat(less.configuredBytes()).isEqualTo(1 << 30);
        assertThat(less.leaving()).hasSize(1);
        assertThat(h1.ask("GET", "/v1/host", "").body()).contains("\"lendLimitBytes\":1048576", "\"freeBytes\":0");

        LendingInfo again = read(h2.ask("DELETE", "/v1/hosts/h1/lending/limit", ""), 200);
        assertThat(again.limitBytes()).isEqualTo(1 << 30);
        assertThat(again.setBytes()).isNull();
        assertThat(again.leaving()).isEmpty();
    }

    @Test
    void eachWrongRequestIsRefusedAndChangesNothing() throws Exception {
        String path = "/v1/hosts/h1/lending";
        isRefused(h2.ask("GET", "/v1/hosts/h9/lending", ""), 404, "host-not-found");
        isRefused(h2.ask("POST", "/v1/hosts/h9/lending/drain", "{}"), 404, "host-not-found");
        for (TestControl asked : List.of(h1, h2)) {
            isRefused(asked.ask("POST", path + "/drain", ""), 400, "invalid-json");
            isRefused(asked.ask("POST", path + "/drain", "{\"from\":1}"), 400, "invalid-json");
            isRefused(asked.ask("POST", path + "/drain", "{\"to\":[{\"host\":\"h1\"}]}"), 400, "same-host");
            isRefused(asked.ask("POST", path + "/drain", "{\"to\":[{\"host\":\"h9\"}]}"), 404, "host-not-found");
            isRefused(
                    asked.ask("POST", path + "/drain", "{\"to\":[{\"host\":\"h2\"},{\"host\":\"h2\"}]}"),
                    400,
                    "invalid-json");
            isRefused(asked.ask("PUT", path + "/limit", "{}"), 400, "invalid-json");
            isRefused(asked.ask("PUT", path + "/limit", "{\"bytes\":-1}"), 400, "invalid-json");
            isRefused(asked.ask("PUT", path + "/limit", "{\"bytes\":1125899906842625}"), 400, "invalid-json");
            isRefused(asked.ask("DELETE", path + "/drain", ""), 409, "not-being-drained");
        }
        assertThat(read(h1.ask("GET", "/v1/lending", ""), 200).state()).isEqualTo(LendingState.LENDING);
        assertThat(read(h1.ask("GET", "/v1/lending", ""), 200).setBytes()).isNull();
    }

    @Test
    void aHostThatDoesNotAnswerIsNamed() throws Exception {
        h2GoesAway();

        HttpResponse<String> failed = h1.ask("POST", "/v1/hosts/h2/lending/drain", "{}");

        isRefused(failed, 502, "failed");
        assertThat(failed.body()).contains("host h2 (127.0.0.1:");
    }
}
