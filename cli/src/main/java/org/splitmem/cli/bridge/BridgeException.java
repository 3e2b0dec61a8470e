package org.splitmem.cli.bridge;

/** nova-bridge or Keystone refused, or could not be asked; the message, one sentence, says who and why. */
public final class BridgeException extends RuntimeException {
    BridgeException(String message) {
        super(message);
    }

    BridgeException(String message, Throwable cause) {
        super(message, cause);
    }
}
