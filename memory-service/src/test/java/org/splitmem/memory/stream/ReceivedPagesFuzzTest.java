package org.splitmem.memory.stream;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.util.BitSet;
import org.splitmem.memory.linux.LocalPair;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.HeapUse;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.PagesScript;
import org.splitmem.memory.wire.RunList;

/**
 * PAGES frames of a hostile sender, with FLUSHes between them: a frame is refused with an IOException, or each of its pages is either taken
 * or named in the answer to the next FLUSH.
 */
class ReceivedPagesFuzzTest {
    private static final int VM_PAGES = 1000;
    private static final long MOST_HEAP = 1 << 20;
    private static final RunList DAMAGED = new RunList();

    private final ReceivedPages received = new ReceivedPages();
    private final BitSet sent = new BitSet();
    private final BitSet taken = new BitSet();

    @FuzzTest
    void aPageIsTakenOrReported(byte[] script) throws Exception {
        byte[] bytes = PagesScript.bytes(script, LocalPair.MOST_BYTES);
        HeapUse.isAtMost(MOST_HEAP, () -> {
            try (LocalPair pair = LocalPair.holding(bytes)) {
                readAll(new FrameSocket(pair.near()), new FrameSocket(pair.far()));
            }
        });
    }

    private void readAll(FrameSocket near, FrameSocket far) throws IOException {
        sent.clear();
        taken.clear();
        try {
            while (near.receive()) {
                if (near.type() == FrameType.PAGES) {
                    note(received.receiveHead(near, VM_PAGES));
                    received.receivePages(near, this::take);
                } else {
                    near.checkLength(0, 0);
                }
                if (near.type() == FrameType.FLUSH) {
                    flush(near, far);
                }
            }
        } catch (IOException e) {
            holds(e.getMessage().contains("the fuzzer"), "the refusal names the peer");
            received.answerFlush(near); // so that nothing is left for the next input
        }
    }

    private void note(RunList runs) {
        for (int run = 0; run < runs.runs(); run++) {
            sent.set((int) runs.first(run), (int) (runs.first(run) + runs.count(run)));
        }
    }

    private void take(long address, long page, long count) {
        holds(count > 0 && page >= 0 && page + count <= VM_PAGES, "pages lie within the VM");
        received.checksumsOf(address + Pages.toBytes(count - 1));
        taken.set((int) page, (int) (page + count));
    }

    private void flush(FrameSocket near, FrameSocket far) throws IOException {
        received.answerFlush(near);
        while (far.receive() && far.type() == FrameType.DAMAGED) {
            DAMAGED.receive(far, VM_PAGES, RunList.MAX_PAGES);
            for (int run = 0; run < DAMAGED.runs(); run++) {
                taken.set((int) DAMAGED.first(run), (int) (DAMAGED.first(run) + DAMAGED.count(run)));
            }
        }
        areEqual(far.value(), near.value());
        areEqual(taken, sent);
        sent.clear();
        taken.clear();
    }
}
