package org.splitmem.bridge.policy;

/** A policy that cannot be followed; the message names the rule. */
public final class PolicyException extends Exception {
    private static final long serialVersionUID = 1L;

    PolicyException(String message) {
        super(message);
    }
}
