package org.splitmem.memory.remote;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;

/** Notes what arrives, in order. */
final class CollectingSink implements PageSink {
    /** In place of a checksum that is wrong. */
    static final int DAMAGED = -1;

    private final NativeBlock page = new NativeBlock(Pages.SIZE);
    private final List<Long> arrived = new CopyOnWriteArrayList<>();
    private final List<String> failures = new CopyOnWriteArrayList<>();

    @Override
    public long address(long number) {
        return page.address();
    }

    /** Only pages whose first word is their number count: the bytes that came belong to the page. */
    @Override
    public boolean arrived(long number, int checksum, long askedNs) {
        if (checksum == DAMAGED) {
            return false;
        }
        if (page.getLong(0) == number) {
            arrived.add(number);
        } else {
            failures.add("page " + number + " has the content of page " + page.getLong(0));
        }
        return true;
    }

    @Override
    public void failed(long number, String reason) {
        failures.add("page " + number + ": " + reason);
    }

    List<Long> arrived() {
        return arrived;
    }

    List<String> failures() {
        return failures;
    }
}
