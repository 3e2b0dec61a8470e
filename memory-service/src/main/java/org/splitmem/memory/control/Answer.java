package org.splitmem.memory.control;

import org.splitmem.model.Json;

/** What an endpoint answers. */
record Answer(int status, String contentType, String body) {
    static Answer json(int status, Object value) {
        return new Answer(status, "application/json", Json.write(value));
    }

    static Answer json(Object value) {
        return json(200, value);
    }

    static Answer text(int status, String text) {
        return new Answer(status, "text/plain; charset=utf-8", text);
    }

    /** Nothing is wrong, but what was asked for is not there yet: to be asked again, at once. */
    static Answer notYet() {
        return text(202, "");
    }

    static Answer empty() {
        return new Answer(204, "text/plain; charset=utf-8", "");
    }
}
