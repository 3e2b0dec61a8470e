package org.splitmem.cli.bridge;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;

/** What nova-bridge says of a host that is drained, as splitmemd would say it. */
final class Drain {
    private Drain() {}

    /** @throws IllegalArgumentException if it is something else */
    static LendingInfo read(JsonNode drain) {
        List<LeavingVm> leaving = new ArrayList<>();
        for (JsonNode vm : drain.path("leaving")) {
            leaving.add(new LeavingVm(
                    vm.path("instance_uuid").asText(),
                    text(vm, "name"),
                    text(vm, "main_host"),
                    vm.path("reserved_bytes").asLong(),
                    vm.path("held_bytes").asLong(),
                    vm.path("moving").asBoolean(),
                    text(vm, "trouble")));
        }
        long limit = drain.path("lend_limit_bytes").asLong();
        return new LendingInfo(
                drain.path("host").asText(),
                LendingState.valueOf(drain.path("state").asText()),
                limit,
                limit,
                null,
                drain.path("lent_bytes").asLong(),
                drain.path("held_bytes").asLong(),
                drain.path("leaving_bytes").asLong(),
                drain.path("rate_bytes_per_second").asLong(),
                drain.path("eta_seconds").isNumber() ? drain.path("eta_seconds").asLong() : null,
                leaving);
    }

    private static @Nullable String text(JsonNode of, String field) {
        return of.path(field).isTextual() ? of.path(field).asText() : null;
    }
}
