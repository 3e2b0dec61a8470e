package org.splitmem.memory.wire;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import org.splitmem.memory.linux.LocalPair;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.testing.HeapUse;

/**
 * Whatever a peer sends: it is refused with an IOException, or what was read lies within the VM, and sent again it is read the same. A length
 * field makes nobody allocate more than the largest small payload.
 */
class FramesFuzzTest {
    private static final long VM_PAGES = 1000;
    private static final int HOSTS = 3;
    /** What all frames together may take: as much as they have bytes, some times, and the exception that ends them. */
    private static final long MOST_HEAP = 1 << 20;

    private static final RunList RUNS = new RunList();
    private static final RunList RUNS_AGAIN = new RunList();
    private static final PlacementList PLACES = new PlacementList();
    private static final PlacementList PLACES_AGAIN = new PlacementList();

    @FuzzTest
    void framesAreRefusedOrRightAndBounded(byte[] script) throws Exception {
        byte[] bytes = FrameScript.bytes(script);
        if (bytes.length > LocalPair.MOST_BYTES) {
            return;
        }

        HeapUse.isAtMost(MOST_HEAP, () -> {
            try (LocalPair pair = LocalPair.holding(bytes)) {
                readAll(new FrameSocket(pair.near()), new FrameSocket(pair.far()));
            }
        });
    }

    private static void readAll(FrameSocket near, FrameSocket far) throws IOException {
        for (int frames = 0; ; frames++) {
            try {
                if (!near.receive()) {
                    return;
                }
                readPayload(near);
            } catch (IOException e) {
                holds(e.getMessage().contains("the fuzzer"), "the refusal names the peer");
                return;
            }
            if (frames < 4) { // more are not taken by a socket that nobody reads
                isReadTheSameAgain(near, far);
            }
        }
    }

    private static void readPayload(FrameSocket near) throws IOException {
        switch (near.type()) {
            case DROP, DIRTY, HELD, DAMAGED, PAGES -> RUNS.receive(near, VM_PAGES, RunList.MAX_PAGES);
            case PLACE -> PLACES.receive(near, VM_PAGES, HOSTS);
            case PAGE_IN, PAGE_DATA, PAGE_ABSENT, WANT_CHUNK -> isWithinTheVm(near.checkPage(1, VM_PAGES), 1);
            default -> near.receiveSmall();
        }
    }

    private static void isReadTheSameAgain(FrameSocket near, FrameSocket far) throws IOException {
        if (near.type() == FrameType.PLACE) {
            arePlacesWithinTheVm();
            PLACES.send(near);
            holds(far.receive(), "what was sent arrives");
            PLACES_AGAIN.receive(far, VM_PAGES, HOSTS);
            arePlacesTheSame();
        } else if (near.type() == FrameType.DIRTY) {
            areRunsWithinTheVm();
            RUNS.sendAs(FrameType.DIRTY, near, 0, 0);
            holds(far.receive(), "what was sent arrives");
            RUNS_AGAIN.receive(far, VM_PAGES, RunList.MAX_PAGES);
            areRunsTheSame();
        }
    }

    private static void areRunsWithinTheVm() {
        long pages = 0;
        for (int run = 0; run < RUNS.runs(); run++) {
            isWithinTheVm(RUNS.first(run), RUNS.count(run));
            pages += RUNS.count(run);
        }
        areEqual(RUNS.pages(), pages);
        holds(pages <= RunList.MAX_PAGES, "no more pages than are allowed");
    }

    private static void isWithinTheVm(long first, long count) {
        holds(first >= 0 && count > 0 && first + count <= VM_PAGES, "pages lie within the VM");
    }

    private static void areRunsTheSame() {
        areEqual(RUNS_AGAIN.runs(), RUNS.runs());
        for (int run = 0; run < RUNS.runs(); run++) {
            areEqual(RUNS_AGAIN.first(run), RUNS.first(run));
            areEqual(RUNS_AGAIN.count(run), RUNS.count(run));
        }
    }

    private static void arePlacesWithinTheVm() {
        for (int entry = 0; entry < PLACES.size(); entry++) {
            isWithinTheVm(PLACES.first(entry), PLACES.count(entry));
            PageState state = PLACES.state(entry);
            boolean remote = state == PageState.REMOTE && PLACES.host(entry) < HOSTS;
            boolean plain = (state == PageState.ZERO || state == PageState.LOCAL) && PLACES.host(entry) == 0;
            holds(PLACES.host(entry) >= 0 && (remote || plain), "a page is nowhere, here, or on one of the hosts");
        }
    }

    private static void arePlacesTheSame() {
        areEqual(PLACES_AGAIN.size(), PLACES.size());
        for (int entry = 0; entry < PLACES.size(); entry++) {
            areEqual(PLACES_AGAIN.first(entry), PLACES.first(entry));
            areEqual(PLACES_AGAIN.count(entry), PLACES.count(entry));
            areEqual(PLACES_AGAIN.state(entry), PLACES.state(entry));
            areEqual(PLACES_AGAIN.host(entry), PLACES.host(entry));
        }
    }
}
