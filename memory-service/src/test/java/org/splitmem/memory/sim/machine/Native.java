package org.splitmem.memory.sim.machine;

import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Off-heap memory: what simulated files consist of, and what simulated system calls read and write by its address. One run's. */
final class Native {
    static final int PAGE = 4096;

    /** Of all runs of this thread, by size; zeroed when it is given out. */
    private final Map<Integer, ArrayDeque<Block>> free;

    private final List<Block> used = new ArrayList<>();

    /** A range of it. */
    record Block(ByteBuffer bytes, long address) {}

    private static final ThreadLocal<Map<Integer, ArrayDeque<Block>>> POOL = ThreadLocal.withInitial(HashMap::new);

    Native() {
        this.free = POOL.get();
    }

    Block allocate(int size) {
        int capacity = Math.max(PAGE, Integer.highestOneBit(Math.max(1, size - 1)) << 1);
        ArrayDeque<Block> spare = free.get(capacity);
        Block block = spare == null ? null : spare.poll();
        if (block == null) {
            ByteBuffer bytes = ByteBuffer.allocateDirect(capacity).order(ByteOrder.LITTLE_ENDIAN);
            block = new Block(bytes, Pointer.nativeValue(com.sun.jna.Native.getDirectBufferPointer(bytes)));
        } else {
            zero(block.bytes(), 0, capacity);
        }
        used.add(block);
        return block;
    }

    /** Gives all of it back, for a later run on the thread that made this. */
    void close() {
        for (Block block : used) {
            free.computeIfAbsent(block.bytes().capacity(), of -> new ArrayDeque<>())
                    .add(block);
        }
        used.clear();
    }

    static void zero(ByteBuffer bytes, int from, int length) {
        for (int at = from; at < from + length; at += 8) {
            bytes.putLong(at, 0);
        }
    }

    static ByteBuffer at(long address, long length) {
        return new Pointer(address).getByteBuffer(0, length).order(ByteOrder.LITTLE_ENDIAN);
    }

    static long getLong(long address) {
        return new Pointer(address).getLong(0);
    }

    static int getInt(long address) {
        return new Pointer(address).getInt(0);
    }

    static short getShort(long address) {
        return new Pointer(address).getShort(0);
    }

    static void putLong(long address, long value) {
        new Pointer(address).setLong(0, value);
    }

    static void putInt(long address, int value) {
        new Pointer(address).setInt(0, value);
    }

    static void putShort(long address, int value) {
        new Pointer(address).setShort(0, (short) value);
    }
}
