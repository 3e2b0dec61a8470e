package org.splitmem.cli.control;

import java.io.IOException;

/** splitmemd could not be asked, or its answer did not arrive whole: whether it did what it was asked is not known. */
public final class DaemonUnreachableException extends RuntimeException {
    DaemonUnreachableException(String message, IOException cause) {
        super(message, cause);
    }
}
