package org.splitmem.cli;

import org.splitmem.model.DataSize;
import org.splitmem.model.SubHostShare;

/** Reads {@code HOST} or {@code HOST=SIZE}. */
final class SubHostOption {
    private SubHostOption() {}

    static SubHostShare parse(String text) {
        int equals = text.indexOf('=');
        return equals < 0
                ? new SubHostShare(text, null)
                : new SubHostShare(
                        text.substring(0, equals),
                        DataSize.parse(text.substring(equals + 1)).bytes());
    }
}
