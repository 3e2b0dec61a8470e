package org.splitmem.memory.shim;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.UUID;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.LocalPair;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.testing.HeapUse;

/**
 * Whatever a QEMU says on its shim's connection: it is refused with an IOException, or within the ranges that it may name; what is claimed is
 * settled, and no descriptor stays open. An input is a list of messages: type, flags, arg, a, b and c, and with a flag the text: its length in
 * a byte, and its bytes.
 */
class ShimConversationFuzzTest {
    private static final long MOST_HEAP = 1 << 20;

    @FuzzTest
    void messagesAreRefusedOrWithinTheirRanges(byte[] script) throws Exception {
        HeapUse.isAtMost(MOST_HEAP, () -> Target.check(script));
    }

    /** Loaded after Jazzer, see HACKING.md. */
    private static final class Target {
        private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
        private static final Qemu QEMU = new Qemu(VM, "db", 4711);
        private static final int WRONG_MAGIC = 1, VM_AS_TEXT = 2, TEXT = 4, DESCRIPTOR = 8, WRONG_VERSION = 16;
        private static final int HEAD_BYTES = 30;
        /** Answers to more are not taken by a socket that nobody reads. */
        private static final int MOST_MESSAGES = 24;

        private static final long LIMIT_MS = 1_000;
        private static final RawMessage RAW = new RawMessage();
        private static final NativeBlock RECEIVED = new NativeBlock(8);

        static void check(byte[] script) throws IOException {
            try (LocalPair passed = LocalPair.open()) {
                try (LocalPair pair = LocalPair.open()) {
                    send(ByteBuffer.wrap(script).order(ByteOrder.LITTLE_ENDIAN), pair, passed.farFd());
                    pair.endOfSent();
                    answer(pair);
                }
                passed.far().close();
                passed.near().setTimeouts(LIMIT_MS, LIMIT_MS);
                areEqual(passed.near().receiveSome(RECEIVED), 0); // it has ended: no copy of its other end is open
            }
        }

        private static void send(ByteBuffer in, LocalPair pair, Fd passed) throws IOException {
            for (int i = 0; i < MOST_MESSAGES && in.remaining() >= HEAD_BYTES; i++) {
                int type = in.get() & 0xff;
                int flags = in.get();
                RAW.message().set(type, i, in.getInt(), in.getLong(), in.getLong(), in.getLong());
                if ((flags & VM_AS_TEXT) != 0) {
                    RAW.message().text(VM.toString());
                } else if ((flags & TEXT) != 0 && in.hasRemaining()) {
                    byte[] text = new byte[Math.min(in.get() & 0xff, in.remaining())];
                    in.get(text);
                    RAW.text(text);
                }
                RAW.spoil((flags & WRONG_MAGIC) != 0, (flags & WRONG_VERSION) != 0);
                RAW.message().send(pair.far(), (flags & DESCRIPTOR) != 0 ? passed : null);
            }
        }

        private static void answer(LocalPair pair) {
            ShimMessage message = new ShimMessage();
            Handler handler = new Handler();
            try {
                ShimConversation.expect(message, message.receive(pair.near()), ShimMessage.HELLO);
                ShimConversation.requireOf(QEMU, message);
                areEqual(message.text(), VM.toString());
                holds(!new ShimConversation(pair.near(), message, QEMU, handler, LIMIT_MS).hold(), "it has ended");
            } catch (IOException e) {
                String why = String.valueOf(e.getMessage());
                holds(!why.isEmpty(), "a refusal says why");
                message.set(ShimMessage.ERROR, message.seq(), 1, 0, 0, 0).text(why);
                holds(why.startsWith(message.text()), "the shim is told that, or how it begins, in whole characters");
            }
            holds(handler.claimed == 0, "what was claimed is settled");
        }
    }

    /** As a daemon is, but for userfaultfds: the fuzzer has none. */
    private static final class Handler implements ShimHandler, DiscardHandler {
        private int claimed;

        @Override
        public Backend open(Qemu qemu, int index) throws IOException {
            holds(index >= 0 && index < ShimConversation.MAX_BACKENDS, "a backend that can be");
            return new Backend(Unistd.open("/dev/null", Unistd.O_RDWR), 0);
        }

        @Override
        public Watch mapped(Qemu qemu, int index, long hva, long bytes, Fd uffd) {
            throw new AssertionError("a socket is no userfaultfd");
        }

        @Override
        public void ready(ShimSession session) {
            throw new AssertionError("no backend is mapped");
        }

        @Override
        public DiscardHandler discards(Qemu qemu, DiscardConnection connection) {
            return this;
        }

        @Override
        public void hold(Exchange exchange) throws IOException {
            exchange.run();
        }

        @Override
        public int claim(int backend, long offset, long bytes, ShimSession.RangeConsumer free) throws IOException {
            if (bytes < 0 || offset < 0) {
                throw new IOException("gives back " + bytes + " B at " + offset + " of RAM backend " + backend);
            }
            claimed = (int) (bytes & 3);
            for (int i = 0; i < claimed; i++) {
                free.add(offset, bytes);
            }
            return claimed;
        }

        @Override
        public void settle(boolean confirmed) {
            holds(claimed > 0, "settled once");
            claimed = 0;
        }
    }

    /** A message that may be wrong. */
    private static final class RawMessage {
        private final ShimMessage message = new ShimMessage();

        ShimMessage message() {
            return message;
        }

        void text(byte[] text) {
            message.rawText(text);
        }

        void spoil(boolean magic, boolean version) {
            if (magic) {
                message.raw(0, (byte) 'X');
            }
            if (version) {
                message.raw(4, (byte) 9);
            }
        }
    }
}
