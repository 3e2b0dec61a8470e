package org.splitmem.cli.control;

/** splitmemd refused: the message is the sentence it answered with. */
public final class ControlException extends RuntimeException {
    private final int status;
    private final String code;

    ControlException(int status, String code, String message) {
        super(message);
        this.status = status;
        this.code = code;
    }

    /** The HTTP status, 400-599. */
    public int status() {
        return status;
    }

    /** splitmemd's code for programs, as in {@code vm-not-found}. */
    public String code() {
        return code;
    }
}
