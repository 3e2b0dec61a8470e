package org.splitmem.bridge.store;

/** The database did not do what it was asked. Unchecked: nobody below the API's edge or a loop's outermost level can act on it. */
public final class StoreException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    StoreException(String message, Throwable cause) {
        super(message, cause);
    }
}
