package org.splitmem.memory.linux;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A zeroed block of off-heap memory that system calls read and write; freed with the object.
 *
 * <p>Confined to one thread at a time. Accessors check their bounds.
 */
public final class NativeBlock {
    private final ByteBuffer bytes;
    private final long address;

    /** @param size bytes, 1 to 2^31-1 */
    public NativeBlock(int size) {
        this.bytes = ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
        this.address = Pointer.nativeValue(Native.getDirectBufferPointer(bytes));
    }

    /**
     * To be called after a system call that was given the address of a block which is looked at no more: without that the block may be freed
     * before the kernel reads it, or writes to it. A system call throws nothing, so that this needs no finally.
     */
    @SuppressWarnings("ReachabilityFenceUsage")
    public static void keep(NativeBlock... blocks) {
        for (NativeBlock block : blocks) {
            Reference.reachabilityFence(block);
        }
    }

    public long address() {
        return address;
    }

    public int size() {
        return bytes.capacity();
    }

    /** The same memory as a little-endian buffer; the buffer keeps the block alive. */
    public ByteBuffer buffer() {
        return bytes;
    }

    public int getInt(int offset) {
        return bytes.getInt(offset);
    }

    public long getLong(int offset) {
        return bytes.getLong(offset);
    }

    public short getShort(int offset) {
        return bytes.getShort(offset);
    }

    public NativeBlock putInt(int offset, int value) {
        bytes.putInt(offset, value);
        return this;
    }

    public NativeBlock putLong(int offset, long value) {
        bytes.putLong(offset, value);
        return this;
    }

    public NativeBlock putShort(int offset, int value) {
        bytes.putShort(offset, (short) value);
        return this;
    }
}
