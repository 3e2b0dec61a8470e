package org.splitmem.memory.wire;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.splitmem.memory.linux.NativeBlock;

/** The CRC32C, 32 bits, that follows what a header or a payload that is not pages consists of. Confined to one thread. */
final class PayloadChecksum {
    static final int BYTES = Integer.BYTES;

    private final NativeBlock block;
    private final ByteBuffer covered;
    private final CRC32C crc = new CRC32C();

    /** @param block that begins with what is covered, and has room for the checksum behind it */
    PayloadChecksum(NativeBlock block) {
        this.block = block;
        this.covered = block.buffer().duplicate();
    }

    private int of(int bytes) {
        crc.reset();
        crc.update(covered.position(0).limit(bytes));
        return (int) crc.getValue();
    }

    /** Writes that of the first {@code bytes} bytes behind them. */
    void append(int bytes) {
        block.putInt(bytes, of(bytes));
    }

    /** Whether what was received is what was sent. */
    boolean isRight(int bytes) {
        return block.getInt(bytes) == of(bytes);
    }

    /** @throws PeerException if not, naming the frame */
    void require(FrameSocket socket, int bytes) throws PeerException {
        if (!isRight(bytes)) {
            throw socket.bad("a payload that was damaged on its way: its checksum is wrong");
        }
    }
}
