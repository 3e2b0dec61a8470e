package org.splitmem.memory.control;

import java.nio.charset.StandardCharsets;
import org.splitmem.model.Json;
import org.splitmem.model.Refusal;

/** What a request is answered, whole. */
@SuppressWarnings("ArrayRecordComponent") // answers are neither compared nor changed
record Answer(int status, String contentType, byte[] body) {
    static final String JSON = "application/json";
    static final String TEXT = "text/plain; charset=utf-8";

    /** @param plain whether the message alone is wanted, as by libvirt's hook */
    static Answer failure(boolean plain, Refusal refusal) {
        return plain
                ? new Answer(refusal.status(), TEXT, refusal.message().getBytes(StandardCharsets.UTF_8))
                : new Answer(refusal.status(), JSON, Json.writeBytes(refusal.body()));
    }
}
