package org.splitmem.memory.wire;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;

/**
 * Frames over a socket.
 *
 * <pre>
 *  offset size  field     meaning                                   (little-endian, 32 bytes, then the payload)
 *       0    4  magic     "SPM1"
 *       4    2  version   1; a receiver refuses any other and says which it speaks
 *       6    2  type      see FrameType
 *       8    8  page      index of the first page, or as the type says
 *      16    4  count     of pages, runs or entries
 *      20    4  length    bytes of the payload
 *      24    4  value     as the type says
 *      28    4  crc32c    of bytes 0-27
 * </pre>
 *
 * A payload that is not empty ends with a CRC32C of its own, but for pages, each of which has one. One thread may send while another receives; nothing is allocated by either, but for errors.
 */
public final class FrameSocket implements AutoCloseable {
    public static final int VERSION = 1;
    public static final int HEADER_BYTES = 32;
    /** Largest payload of a frame that is not PAGES, with its checksum. */
    public static final int MAX_SMALL_PAYLOAD = 64 * 1024;

    private static final int MAGIC = 0x314D5053; // "SPM1"
    private static final int TYPE = 6, PAGE = 8, COUNT = 16, LENGTH = 20, VALUE = 24, CRC = 28;
    private static final int MAX_ERROR_TEXT = 1024;

    private final StreamSocket socket;
    private final Header in = new Header();
    private final Header out = new Header();
    private FrameType type = FrameType.HELLO;

    /** The socket becomes this object's. */
    public FrameSocket(StreamSocket socket) {
        this.socket = socket;
    }

    public StreamSocket socket() {
        return socket;
    }

    public String peer() {
        return socket.peer();
    }

    /** Sends a header; {@code more}: a payload of {@code length} bytes follows at once. */
    public void sendHeader(FrameType kind, long page, int count, int length, int value, boolean more)
            throws IOException {
        socket.send(header(kind, page, count, length, value), HEADER_BYTES, more);
    }

    /** Fills the outgoing header for a gather list. @return its address, valid until the next call */
    public long header(FrameType kind, long page, int count, int length, int value) {
        out.block.putInt(0, MAGIC).putShort(4, VERSION).putShort(TYPE, kind.number());
        out.block
                .putLong(PAGE, page)
                .putInt(COUNT, count)
                .putInt(LENGTH, length)
                .putInt(VALUE, value);
        out.checksum.append(CRC);
        return out.block.address();
    }

    /** Sends a frame without a payload. */
    public void send(FrameType kind, long page, int count, int value) throws IOException {
        sendHeader(kind, page, count, 0, value, false);
    }

    public void sendError(ErrorCode code, String message) throws IOException {
        byte[] text = message.getBytes(StandardCharsets.UTF_8);
        sendSmall(FrameType.ERROR, code.number(), text, Math.min(text.length, MAX_ERROR_TEXT));
    }

    /** Sends a frame with a small payload. Allocates: not for hot paths. */
    public void sendSmall(FrameType kind, int value, byte[] payload) throws IOException {
        sendSmall(kind, value, payload, payload.length);
    }

    private void sendSmall(FrameType kind, int value, byte[] payload, int length) throws IOException {
        int whole = length == 0 ? 0 : length + PayloadChecksum.BYTES;
        sendHeader(kind, 0, 0, whole, value, whole > 0);
        if (whole > 0) {
            NativeBlock block = new NativeBlock(whole);
            block.buffer().duplicate().put(payload, 0, length);
            new PayloadChecksum(block).append(length);
            socket.send(block.address(), whole, false);
            NativeBlock.keep(block);
        }
    }

    /**
     * Receives the next header.
     *
     * @return false if the peer closed between frames
     * @throws PeerException if it is not a frame of this protocol, or is an ERROR
     */
    public boolean receive() throws IOException {
        if (!socket.receiveOrEnd(in.block.address(), HEADER_BYTES)) {
            return false;
        }
        if (in.block.getInt(0) != MAGIC) {
            throw new PeerException(ErrorCode.BAD_FRAME, peer() + " does not speak splitmem's protocol (bad magic)");
        }
        if ((in.block.getShort(4) & 0xFFFF) != VERSION) {
            throw new PeerException(
                    ErrorCode.VERSION,
                    peer() + " speaks version " + (in.block.getShort(4) & 0xFFFF) + " of the protocol, this host "
                            + VERSION + ": upgrade the older one");
        }
        if (!in.checksum.isRight(CRC)) {
            throw new PeerException(ErrorCode.BAD_FRAME, peer() + " sent a frame with a wrong header checksum");
        }
        FrameType known = FrameType.of(in.block.getShort(TYPE) & 0xFFFF);
        if (known == null) {
            throw new PeerException(
                    ErrorCode.BAD_FRAME,
                    peer() + " sent a frame of unknown type " + (in.block.getShort(TYPE) & 0xFFFF));
        }
        type = known;
        if (known == FrameType.ERROR) {
            throw receivedError();
        }
        return true;
    }

    private PeerException receivedError() throws IOException {
        ErrorCode code = ErrorCode.of(value());
        return new PeerException(code, peer() + ": " + new String(receiveSmall(), StandardCharsets.UTF_8));
    }

    /** Receives the payload of a small frame. Allocates: not for hot paths. */
    public byte[] receiveSmall() throws IOException {
        int whole = checkLength(0, MAX_SMALL_PAYLOAD);
        if (whole == 0) {
            return new byte[0];
        }
        checkLength(PayloadChecksum.BYTES + 1, MAX_SMALL_PAYLOAD);
        byte[] payload = new byte[whole - PayloadChecksum.BYTES];
        NativeBlock block = new NativeBlock(whole);
        socket.receive(block.address(), whole);
        new PayloadChecksum(block).require(this, payload.length);
        block.buffer().duplicate().get(payload);
        return payload;
    }

    /** @return the payload's length, if it is within the range */
    public int checkLength(int least, int most) throws PeerException {
        int length = in.block.getInt(LENGTH);
        if (length < least || length > most) {
            throw bad("a payload of " + length + " B, allowed are " + least + " to " + most);
        }
        return length;
    }

    /** @return the count, if it is within the range */
    public int checkCount(int least, int most) throws PeerException {
        int count = in.block.getInt(COUNT);
        if (count < least || count > most) {
            throw bad("a count of " + count + ", allowed are " + least + " to " + most);
        }
        return count;
    }

    /** @return the first page, if {@code count} pages from it lie within a VM of {@code pages} pages */
    public long checkPage(long count, long pages) throws PeerException {
        long page = in.block.getLong(PAGE);
        if (page < 0 || count < 0 || page > pages - count) {
            throw bad("pages " + page + " to " + (page + count - 1) + " of a VM that has " + pages);
        }
        return page;
    }

    /** An error that names the frame just received. */
    public PeerException bad(String what) {
        return new PeerException(ErrorCode.BAD_FRAME, peer() + " sent " + type + " with " + what);
    }

    public FrameType type() {
        return type;
    }

    /** The page field as it came: for types that keep something else in it. */
    public long rawPage() {
        return in.block.getLong(PAGE);
    }

    public int value() {
        return in.block.getInt(VALUE);
    }

    @Override
    public void close() {
        socket.close();
    }

    private static final class Header {
        final NativeBlock block = new NativeBlock(HEADER_BYTES);
        final PayloadChecksum checksum = new PayloadChecksum(block);
    }
}
