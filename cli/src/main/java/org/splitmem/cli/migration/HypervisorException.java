package org.splitmem.cli.migration;

/** libvirt refused or failed; the message says what was asked of it and ends with its own words. */
public final class HypervisorException extends Exception {
    public HypervisorException(String message, Throwable cause) {
        super(message, cause);
    }

    public HypervisorException(String message) {
        super(message);
    }
}
