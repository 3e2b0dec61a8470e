package org.splitmem.memory.wire;

import java.io.IOException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;

/**
 * A PLACE frame's payload: where runs of pages are, as the migration's source knows it. An entry is 12 bytes: first page
 * (32 bits), pages (32 bits), state (8 bits: ZERO, LOCAL at the destination, or REMOTE), memory server (8 bits), 16 bits
 * zero. The CRC32C of all that follows, unless the list is empty. Confined to one thread; reused.
 */
public final class PlacementList {
    public static final int MAX_ENTRIES = 4096;

    private static final int BYTES = 12, COUNT = 4, STATE = 8, HOST = 9;

    private final NativeBlock block = new NativeBlock(MAX_ENTRIES * BYTES + PayloadChecksum.BYTES);
    private final PayloadChecksum checksum = new PayloadChecksum(block);
    private int entries;

    public void clear() {
        entries = 0;
    }

    public int size() {
        return entries;
    }

    public boolean isFull() {
        return entries == MAX_ENTRIES;
    }

    /** Appends a page, lengthening the last entry where it can. @throws IllegalStateException if the list is full */
    public void add(long page, PageState state, int host) {
        int last = entries - 1;
        if (last >= 0 && state(last) == state && host(last) == host && first(last) + count(last) == page) {
            block.putInt(last * BYTES + COUNT, (int) count(last) + 1);
            return;
        }
        if (isFull()) {
            throw new IllegalStateException("more than " + MAX_ENTRIES + " entries");
        }
        block.putInt(entries * BYTES, (int) page).putInt(entries * BYTES + COUNT, 1);
        block.buffer()
                .put(entries * BYTES + STATE, (byte) state.code())
                .put(entries * BYTES + HOST, (byte) host)
                .putShort(entries * BYTES + HOST + 1, (short) 0);
        entries++;
    }

    public long first(int entry) {
        return block.getInt(entry * BYTES) & 0xFFFF_FFFFL;
    }

    public long count(int entry) {
        return block.getInt(entry * BYTES + COUNT) & 0xFFFF_FFFFL;
    }

    public PageState state(int entry) {
        return PageState.of(block.buffer().get(entry * BYTES + STATE));
    }

    public int host(int entry) {
        return block.buffer().get(entry * BYTES + HOST);
    }

    private static int bytes(int entries) {
        return entries == 0 ? 0 : entries * BYTES + PayloadChecksum.BYTES;
    }

    public void send(FrameSocket socket) throws IOException {
        socket.sendHeader(FrameType.PLACE, 0, entries, bytes(entries), 0, entries > 0);
        if (entries > 0) {
            checksum.append(entries * BYTES);
            socket.socket().send(block.address(), bytes(entries), false);
        }
    }

    /**
     * Receives the payload of the PLACE frame just read.
     *
     * @param hosts memory servers of the VM
     */
    public void receive(FrameSocket socket, long vmPages, int hosts) throws IOException {
        clear();
        int expected = socket.checkCount(0, MAX_ENTRIES);
        socket.checkLength(bytes(expected), bytes(expected));
        if (expected > 0) {
            socket.socket().receive(block.address(), bytes(expected));
            checksum.require(socket, expected * BYTES);
        }
        for (int entry = 0; entry < expected; entry++) {
            check(socket, entry, vmPages, hosts);
        }
        entries = expected;
    }

    private void check(FrameSocket socket, int entry, long vmPages, int hosts) throws PeerException {
        if (count(entry) == 0 || first(entry) + count(entry) > vmPages) {
            throw socket.bad("pages " + first(entry) + " + " + count(entry) + " of a VM that has " + vmPages);
        }
        int code = block.buffer().get(entry * BYTES + STATE);
        boolean plain = (code == PageState.ZERO.code() || code == PageState.LOCAL.code()) && host(entry) == 0;
        boolean remote = code == PageState.REMOTE.code()
                && host(entry) >= 0
                && host(entry) < Math.min(hosts, PageEntry.MAX_HOMES);
        if (!plain && !remote) {
            throw socket.bad("state " + code + " on memory server " + host(entry) + " of " + hosts);
        }
    }
}
