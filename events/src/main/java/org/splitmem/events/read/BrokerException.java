package org.splitmem.events.read;

/** Events cannot be read; the message is one sentence for people. */
public final class BrokerException extends RuntimeException {
    BrokerException(String message, Throwable cause) {
        super(message, cause);
    }
}
