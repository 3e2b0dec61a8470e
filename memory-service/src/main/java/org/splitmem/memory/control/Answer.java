package org.splitmem.memory.control;

import java.nio.charset.StandardCharsets;
import org.splitmem.model.ErrorBody;
import org.splitmem.model.Json;

/** What a request is answered, whole. */
@SuppressWarnings("ArrayRecordComponent") // answers are neither compared nor changed
record Answer(int status, String contentType, byte[] body) {
    static final String JSON = "application/json";
    static final String TEXT = "text/plain; charset=utf-8";

    /** @param plain whether the message alone is wanted, as by libvirt's hook */
    static Answer failure(boolean plain, int status, String code, String message) {
        return plain
                ? new Answer(status, TEXT, message.getBytes(StandardCharsets.UTF_8))
                : new Answer(status, JSON, Json.writeBytes(ErrorBody.of(code, message)));
    }
}
