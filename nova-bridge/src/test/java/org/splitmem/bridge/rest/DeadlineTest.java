package org.splitmem.bridge.rest;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.daemon.FakeHosts;
import org.splitmem.bridge.migration.Cloud;
import org.splitmem.bridge.store.Status;

/** Callers say how long they wait: what cannot be answered by then is undone, and said to have been too slow. */
class DeadlineTest extends ApiFixture {
    private static final String PLACEMENT = "{\"name\":\"db1\",\"host\":\"h2\",\"ram_mb\":512,\"main_mb\":128,"
            + "\"extra_specs\":{\"splitmem:enabled\":\"true\"},\"project_id\":\"project\",\"user_id\":\"user\"}";

    private HttpResponse<String> within(int seconds, String method, String path, String body) throws Exception {
        long start = System.nanoTime();
        HttpResponse<String> answer = call("nova", method, path, body, "X-Splitmem-Timeout", Integer.toString(seconds));
        assertThat((System.nanoTime() - start) / 1_000_000_000).isLessThan(8);
        return answer;
    }

    /** One that is booked, but whose caller cannot be told in time, would be kept though nobody wants it. */
    @Test
    void aPlanThatPlacementAnswersTooLateIsUndone() throws Exception {
        cloud.placement.answersLate("PUT", Consumers.of(Cloud.VM), 10_000);

        HttpResponse<String> answer = within(2, "POST", "/v1/migrations", MIGRATION);

        assertError(answer, 504, "placement-too-slow");
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
        assertThat(bridge.store.active(Cloud.VM)).isEmpty();
        assertThat(json(call("nova", "GET", "/v1/migrations", ""))
                        .path("migrations")
                        .path(0)
                        .path("status")
                        .asText())
                .isEqualTo(Status.FAILED.word());
    }

    @Test
    void aPlacementThatPlacementAnswersTooLateIsUndone() throws Exception {
        cloud.placement.answersLate("PUT", Consumers.of(Cloud.VM), 10_000);

        assertError(within(2, "PUT", "/v1/vms/" + Cloud.VM + "/placement", PLACEMENT), 504, "placement-too-slow");

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
        assertThat(bridge.vms.find(Cloud.VM)).isEmpty();
    }

    @Test
    void aPlanWhoseHostHangsIsUndone() throws Exception {
        cloud.hosts.mood("h1", FakeHosts.Mood.HANGS);

        assertError(within(2, "POST", "/v1/migrations", MIGRATION), 504, "splitmemd-too-slow");

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void whatIsAnsweredInTimeIsDone() throws Exception {
        assertThat(within(5, "POST", "/v1/migrations", MIGRATION).statusCode()).isEqualTo(201);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "601", "soon", "1.5", "-1", ""})
    void whatIsNoTimeIsRefused(String time) throws Exception {
        assertError(
                call("nova", "POST", "/v1/migrations", MIGRATION, "X-Splitmem-Timeout", time),
                400,
                "invalid-parameter");
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }
}
