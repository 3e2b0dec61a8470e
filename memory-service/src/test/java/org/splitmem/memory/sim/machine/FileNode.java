package org.splitmem.memory.sim.machine;

import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.HashSet;
import java.util.Set;

/** A file of a simulated tmpfs: bytes, and which of its pages take up memory. */
final class FileNode {
    private final Native memory;
    private final long inode;
    private Native.Block block;
    private long size;
    private final BitSet data = new BitSet();
    private final Set<SimProcess> mappers = new HashSet<>(); // never iterated
    private final Set<GuestRam> guests = new java.util.LinkedHashSet<>();

    FileNode(Native memory, long inode) {
        this.memory = memory;
        this.inode = inode;
        this.block = memory.allocate(Native.PAGE);
    }

    long inode() {
        return inode;
    }

    long size() {
        return size;
    }

    /** @throws IllegalStateException if it is mapped and outgrows its place: no code of the product does that */
    void truncate(long length) {
        if (length > block.bytes().capacity()) {
            if (!mappers.isEmpty() || !guests.isEmpty()) {
                throw new IllegalStateException("a mapped file grows from " + size + " to " + length + " B");
            }
            Native.Block larger = memory.allocate((int) length);
            larger.bytes().put(0, block.bytes(), 0, (int) size);
            block = larger;
        }
        if (length < size) {
            Native.zero(block.bytes(), (int) length & ~7, (int) (size - (length & ~7L)) + 7 & ~7);
            data.clear(pageOf(length + Native.PAGE - 1), data.length() + 1);
        }
        size = length;
    }

    private static int pageOf(long offset) {
        return (int) (offset / Native.PAGE);
    }

    int read(long offset, ByteBuffer to, int length) {
        int n = (int) Math.max(0, Math.min(length, size - offset));
        to.put(0, block.bytes(), (int) offset, n);
        return n;
    }

    /** Longer than before, if need be. */
    void write(long offset, ByteBuffer from, int at, int length) {
        if (offset + length > size) {
            truncate(offset + length);
        }
        block.bytes().put((int) offset, from, at, length);
        fill(offset, length);
    }

    /** These take up memory from now on. */
    void fill(long offset, long length) {
        if (length > 0) {
            data.set(pageOf(offset), pageOf(offset + length - 1) + 1);
        }
    }

    void punch(long offset, long length) {
        int end = (int) Math.min(offset + length, block.bytes().capacity());
        Native.zero(block.bytes(), (int) offset, Math.max(0, end - (int) offset));
        data.clear(pageOf(offset), pageOf(offset + length));
        for (GuestRam guest : guests) {
            guest.punched(pageOf(offset), pageOf(offset + length));
        }
    }

    boolean hasData(int page) {
        return data.get(page);
    }

    /** @return -1 if there is none */
    long nextData(long offset) {
        int page = data.nextSetBit(pageOf(offset));
        long at = (long) page * Native.PAGE;
        return page < 0 || at >= size ? -1 : Math.max(at, offset);
    }

    long nextHole(long offset) {
        return offset >= size
                ? -1
                : Math.min(size, Math.max(offset, (long) data.nextClearBit(pageOf(offset)) * Native.PAGE));
    }

    int dataPages() {
        return data.cardinality();
    }

    ByteBuffer bytes() {
        return block.bytes();
    }

    // ---- mappings

    long map(SimProcess by) {
        mappers.add(by);
        return block.address();
    }

    void unmap(SimProcess by) {
        mappers.remove(by);
    }

    /** What a process that was killed still does through its mapping is lost: nobody else sees it. */
    void detach(SimProcess killed) {
        if (mappers.remove(killed)) {
            Native.Block copy = memory.allocate(block.bytes().capacity());
            copy.bytes().put(0, block.bytes(), 0, block.bytes().capacity());
            block = copy;
        }
    }

    void mappedBy(GuestRam guest) {
        guests.add(guest);
    }

    void unmappedBy(GuestRam guest) {
        guests.remove(guest);
    }
}
