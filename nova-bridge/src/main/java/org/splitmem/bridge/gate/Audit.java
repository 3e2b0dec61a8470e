package org.splitmem.bridge.gate;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.keystone.Identity;
import org.splitmem.model.Json;

/** A line of JSON in the logger "audit" for each change that was asked for, whether it was made or refused. Any thread. */
final class Audit {
    static final Logger LOG = LoggerFactory.getLogger("audit");

    private Audit() {}

    private record Line(
            String request,
            @Nullable String global,
            String action,
            String path,
            @Nullable String object,
            @Nullable String userId,
            @Nullable String userName,
            @Nullable String projectId,
            @Nullable String projectName,
            boolean system,
            List<String> roles,
            String from,
            int status,
            @Nullable String reason) {}

    /** @param global the caller's own request, absent if it named none */
    static void log(
            String request,
            @Nullable String global,
            Operation operation,
            String path,
            @Nullable Identity who,
            String from,
            Reply reply) {
        Line line = new Line(
                request,
                global,
                String.valueOf(operation.rule()),
                path,
                reply.object(),
                who == null ? null : who.userId(),
                who == null ? null : who.userName(),
                who == null ? null : who.projectId(),
                who == null ? null : who.projectName(),
                who != null && who.system(),
                who == null ? List.of() : who.roles().stream().sorted().toList(),
                from,
                reply.status(),
                reply.reason());
        LOG.info("{}", Json.writeSnakeText(line));
    }
}
