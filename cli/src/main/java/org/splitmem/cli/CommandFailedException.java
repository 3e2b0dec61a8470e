package org.splitmem.cli;

/** A command cannot be carried out; the message, one sentence, is all that the user gets to see. Exit status 1. */
final class CommandFailedException extends RuntimeException {
    CommandFailedException(String message) {
        super(message);
    }

    CommandFailedException(String message, Throwable cause) {
        super(message, cause);
    }
}
