package org.splitmem.bridge.store;

import java.sql.SQLException;

/** The database did not do what it was asked. Unchecked: nobody below the API's edge or a loop's outermost level can act on it. */
public final class StoreException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private static final String DATA_EXCEPTION = "22";
    private static final String ROLLED_BACK = "40";

    StoreException(String message, Throwable cause) {
        super(message, cause);
    }

    /** Whether the database works, but can never take these values. */
    public boolean isOfValues() {
        return isOfState(DATA_EXCEPTION);
    }

    /** Whether the database works, and ended the transaction since it and another waited for each other. */
    public boolean isOfOthers() {
        return isOfState(ROLLED_BACK);
    }

    /** By the state: MariaDB's driver has no classes of its own for these. */
    private boolean isOfState(String state) {
        return getCause() instanceof SQLException e
                && e.getSQLState() != null
                && e.getSQLState().startsWith(state);
    }
}
