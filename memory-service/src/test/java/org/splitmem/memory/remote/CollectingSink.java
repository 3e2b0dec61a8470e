package org.splitmem.memory.remote;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;

/** Notes what arrives, in order. */
final class CollectingSink implements PageSink {
    private final NativeBlock page = new NativeBlock(Pages.SIZE);
    private final List<Long> arrived = new CopyOnWriteArrayList<>();
    private final List<String> failures = new CopyOnWriteArrayList<>();

    @Override
    public long address(long number) {
        return page.address();
    }

    /** Only pages whose first word is their number count: the bytes that came belong to the page. */
    @Override
    public void arrived(long number, int crc32c, long askedNs) {
        if (page.getLong(0) == number) {
            arrived.add(number);
        } else {
            failures.add("page " + number + " has the content of page " + page.getLong(0));
        }
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
