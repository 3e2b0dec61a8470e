package org.splitmem.memory.control;

import org.splitmem.memory.migration.RefusedException;

/** A request's failure as HTTP says it. */
final class ApiException extends Exception {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String code;

    ApiException(int status, String code, String message) {
        super(message);
        this.status = status;
        this.code = code;
    }

    static ApiException of(RefusedException e) {
        int status = switch (e.kind()) {
            case NOT_FOUND -> 404;
            case CONFLICT -> 409;
            case INVALID -> 400;
            case NOT_YET -> 503;
            case NO_ROOM -> 507;
            case PEER -> 502;
        };
        return new ApiException(status, e.code(), String.valueOf(e.getMessage()));
    }

    int status() {
        return status;
    }

    String code() {
        return code;
    }
}
