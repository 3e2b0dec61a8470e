package org.splitmem.memory.control;

import org.splitmem.memory.migration.RefusedException;

/** A request's failure as HTTP says it. Unchecked, as JAX-RS lets readers of bodies throw nothing else. */
final class ApiException extends RuntimeException {
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

    /** Of a path that is not there, or not with this method. */
    static ApiException unknown(String method) {
        return new ApiException(
                404, "not-found", "there is no " + method + " on this path; docs/API.md lists what there is");
    }

    int status() {
        return status;
    }

    String code() {
        return code;
    }
}
