package org.splitmem.model;

/** A text that is not the JSON of the expected record. The message is one line for the sender: which field, and what is wrong with it. */
public final class InvalidJsonException extends RuntimeException {
    /** @param message one sentence for people */
    public InvalidJsonException(String message, Throwable cause) {
        super(message, cause);
    }
}
