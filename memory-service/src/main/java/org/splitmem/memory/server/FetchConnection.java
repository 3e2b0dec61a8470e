package org.splitmem.memory.server;

import java.io.IOException;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.RunList;

/**
 * The owner's connection to a store on which it asks for many pages at once. The pages go from the store's file to the socket without being
 * copied; with the checksums that came with them, so that whatever happens to them meanwhile is found out. Confined to its thread;
 * allocates nothing per frame.
 */
final class FetchConnection implements ConnectionHandler {
    private static final int BEFORE_PAGES = 3; // ranges

    private final PageStore store;
    private final Hello hello;
    private final RunList wanted = new RunList();
    private final RunList held = new RunList();
    private final NativeBlock checksums = new NativeBlock(RunList.MAX_PAGES * Integer.BYTES);
    private final NativeBlock position = new NativeBlock(Long.BYTES);
    private final IoVector vector = new IoVector(BEFORE_PAGES);

    FetchConnection(PageStore store, Hello hello) {
        this.store = store;
        this.hello = hello;
    }

    @Override
    public void serve(FrameSocket socket) throws IOException {
        while (socket.receive()) {
            serveOne(socket);
        }
    }

    private void serveOne(FrameSocket socket) throws IOException {
        if (socket.type() != FrameType.FETCH) {
            throw socket.bad("no business on a connection that fetches");
        }
        store.checkEpoch(hello.epoch()); // an owner that was handed over from may wake up late
        socket.checkCount(1, RunList.MAX_RUNS);
        wanted.receive(socket, store.pages(), RunList.MAX_PAGES);
        socket.checkLength(wanted.bytes(), wanted.bytes());
        choose();
        answer(socket);
    }

    private void choose() {
        held.clear();
        for (int run = 0; run < wanted.runs(); run++) {
            for (long page = wanted.first(run); page < wanted.first(run) + wanted.count(run); page++) {
                if (store.holds(page)) {
                    checksums.putInt((int) held.pages() * Integer.BYTES, store.checksum(page));
                    held.add(page);
                }
            }
        }
    }

    private void answer(FrameSocket socket) throws IOException {
        int sums = (int) held.pages() * Integer.BYTES;
        int length = held.bytes() + sums + (int) Pages.toBytes(held.pages());
        vector.clear();
        vector.add(socket.header(FrameType.PAGES, 0, held.runs(), length, 0), FrameSocket.HEADER_BYTES);
        if (!held.isEmpty()) {
            vector.add(held.sealed(), held.bytes());
            vector.add(checksums.address(), sums);
        }
        socket.socket().sendAll(vector, !held.isEmpty());
        for (int run = 0; run < held.runs(); run++) {
            store.sendPages(socket.socket(), position, held.first(run), held.count(run));
        }
    }
}
