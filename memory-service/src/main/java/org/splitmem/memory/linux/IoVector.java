package org.splitmem.memory.linux;

/** A reusable list of memory ranges for one sendmsg or recvmsg (struct iovec in a struct msghdr); at most 1,024. */
public final class IoVector {
    /** The kernel's UIO_MAXIOV. */
    public static final int MAX_RANGES = 1024;

    private static final int BASE = 0, LENGTH = 8, SIZE = 16;

    private final NativeBlock header = new NativeBlock(Sockets.MsgHdr.SIZE);
    private final NativeBlock ranges;
    private int first;
    private int count;

    /** For as many ranges as the kernel takes. */
    public IoVector() {
        this(MAX_RANGES);
    }

    /** @param most ranges that there may be at once */
    public IoVector(int most) {
        this.ranges = new NativeBlock(most * SIZE);
    }

    public void clear() {
        first = 0;
        count = 0;
    }

    public boolean isEmpty() {
        return first == count;
    }

    public int size() {
        return count - first;
    }

    /** @throws IndexOutOfBoundsException if the list is full */
    public void add(long address, long length) {
        ranges.putLong(count * SIZE + BASE, address).putLong(count * SIZE + LENGTH, length);
        count++;
    }

    /** Drops the first {@code bytes} bytes, which the kernel has taken. */
    void consume(long bytes) {
        long left = bytes;
        while (left > 0) {
            int at = first * SIZE;
            long length = ranges.getLong(at + LENGTH);
            if (left < length) {
                ranges.putLong(at + BASE, ranges.getLong(at + BASE) + left).putLong(at + LENGTH, length - left);
                return;
            }
            left -= length;
            first++;
        }
    }

    /** Address of a struct msghdr that describes what is left. */
    long header() {
        header.putLong(Sockets.MsgHdr.IOV, ranges.address() + (long) first * SIZE)
                .putLong(Sockets.MsgHdr.IOVLEN, count - first);
        return header.address();
    }
}
