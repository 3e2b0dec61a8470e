package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Pointer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.LockInfo;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.dirty.DirtyTracker;
import org.splitmem.memory.dirty.WriteLog;
import org.splitmem.memory.guest.PageCopies;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.home.Homes;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.SeededTest;
import org.splitmem.memory.workingset.PageReturner;

/** A split VM whose guest goes on using all of it while it migrates, and which stays within its budget; the destination is played by the test. */
class OutboundBudgetTest extends MachineTest {
    private static final long PAGES = 1024;
    private static final long BUDGET = 256;
    private static final long NOTING_NS = 2_000_000L;
    private static final String ALL = " 0 " + PAGES;

    private final Transfers transfers = new Transfers();
    private @Nullable DirtyTracker tracker;
    private @Nullable OutboundBudget budget;

    OutboundBudgetTest() {
        super(PAGES);
    }

    @AfterEach
    void endBudget() {
        if (budget != null) {
            budget.close();
        }
        if (tracker != null) {
            tracker.close();
        }
    }

    /** What a migration's source and destination know. */
    private static final class Transfers implements PageReturner.Transfers {
        private final Set<Long> dirty = ConcurrentHashMap.newKeySet();
        private final Set<Long> unannounced = ConcurrentHashMap.newKeySet();
        private final Map<Long, byte[]> there = new ConcurrentHashMap<>();
        private final AtomicLong sent = new AtomicLong();
        private final AtomicLong asked = new AtomicLong();

        @Override
        public Object scanning() {
            return this;
        }

        @Override
        public boolean isSent(long page) {
            asked.incrementAndGet();
            return !dirty.contains(page) && !unannounced.contains(page) && there.containsKey(page);
        }

        @Override
        public void written(long page) {
            dirty.add(page);
        }

        @Override
        public void returned(long page) {
            unannounced.add(page);
        }
    }

    /** All of it is on two memory servers, and the migration has sent the nothing that was here. */
    private void begin(long budgetPages) throws Exception {
        machine("h2", "h3").withTwoBackends().start();
        machine.guest().run("fill" + ALL + " 6");
        machine.pageOut(0, PAGES / 2, 0);
        machine.pageOut(PAGES / 2, PAGES / 2, 1);
        machine.vm().setBudget(Pages.toBytes(budgetPages));
        Await.until("nothing comes back", () -> machine.table().count(PageState.INCOMING) == 0);
        Outbound outbound = new Outbound(machine.vm());
        Paging paging = outbound.watch();
        outbound.trackWrites();
        tracker = new DirtyTracker(paging.memory(), paging.qemu());
        scan(true, (first, count) -> {});
        for (long page = 0; page < PAGES; page++) {
            if (isHere(page)) {
                transfers.dirty.add(page);
            }
        }
        budget = outbound.keepBudget(transfers, () -> null);
    }

    private void scan(boolean rearm, WriteLog.RunConsumer written) throws LinuxException {
        if (tracker != null) {
            tracker.log().scan(0, PAGES, rearm, written);
        }
    }

    private boolean isHere(long page) {
        PageState state = PageEntry.state(machine.table().get(page));
        return state == PageState.LOCAL || state == PageState.OUTGOING || state == PageState.FILLING;
    }

    /** It takes a while to note what the kernel has reported and armed. */
    private long scan(boolean rearm) throws LinuxException {
        List<Long> reported = new ArrayList<>();
        scan(rearm, (first, count) -> LongStream.range(first, first + count).forEach(reported::add));
        LockSupport.parkNanos(NOTING_NS);
        long found = 0;
        for (long page : reported) {
            machine.table().written(page);
            found += isHere(page) && transfers.dirty.add(page) ? 1 : 0;
        }
        return found;
    }

    /** What was written is sent, and the destination is told where everything is. */
    private void round() throws Exception {
        for (long page : Set.copyOf(transfers.dirty)) {
            transfers.unannounced.add(page);
            transfers.dirty.remove(page);
            assertThat(isHere(page)).as("page %s is to be sent, and here", page).isTrue();
            transfers.there.put(page, here(page));
            transfers.sent.incrementAndGet();
        }
        for (long page : Set.copyOf(transfers.unannounced)) {
            int entry = machine.table().get(page);
            boolean isClean = PageEntry.isCopied(entry) && !PageEntry.has(entry, PageEntry.OUTDATED);
            if (PageEntry.isOnServer(entry) || isClean) {
                transfers.there.remove(page); // the destination frees it
            }
            transfers.unannounced.remove(page);
        }
        synchronized (transfers.scanning()) {
            scan(true);
        }
    }

    private byte[] here(long page) throws IOException {
        PageCopies copy = new PageCopies(machine.paging().memory(), 1);
        copy.read(0, page, 1);
        byte[] bytes = new byte[Pages.SIZE];
        new Pointer(copy.address(0)).read(0, bytes, 0, bytes.length);
        return bytes;
    }

    private byte[] at(int host, long page) throws IOException {
        Path file;
        try (Stream<Path> files =
                Files.walk(directory.resolve(machine.lender(host).name()))) {
            file = files.filter(path -> path.endsWith("pages")).findFirst().orElseThrow();
        }
        byte[] bytes = new byte[Pages.SIZE];
        try (RandomAccessFile pages = new RandomAccessFile(file.toFile(), "r")) {
            pages.seek(Pages.toBytes(page));
            pages.readFully(bytes);
        }
        return bytes;
    }

    private boolean isWithinBudget() {
        return machine.table().resident() <= BUDGET;
    }

    private long held() {
        return Pages.fromBytes(machine.lender(0).server().heldBytes()
                + machine.lender(1).server().heldBytes());
    }

    /** The vCPUs have stopped. What each page would be at the destination. */
    private void isRightThere() throws Exception {
        if (budget != null) {
            budget.close();
        }
        assertThat(machine.count(PageState.OUTGOING)).isZero();
        scan(false);
        for (long page = 0; page < PAGES; page++) {
            int host = page < PAGES / 2 ? 0 : 1;
            boolean isHere = isHere(page);
            byte[] right = isHere ? here(page) : at(host, page);
            byte[] there = transfers.there.get(page);
            if (transfers.dirty.contains(page)) {
                assertThat(isHere).as("page %s is to be sent, and here", page).isTrue();
            } else {
                assertThat(there == null ? at(host, page) : there)
                        .as("page %s, which the destination has %s", page, there == null ? "remote" : "itself")
                        .isEqualTo(right);
            }
        }
    }

    @Test
    void whatTheGuestReadsStaysOnItsMemoryServersAndIsNotSent() throws Exception {
        begin(PAGES);

        machine.guest().run("verify" + ALL);
        machine.guest().run("fill 300 7 2");

        assertThat(machine.count(PageState.LOCAL)).isEqualTo(PAGES);
        assertThat(held()).isEqualTo(PAGES);
        assertThat(scan(true)).isEqualTo(7);
        assertThat(transfers.dirty).contains(300L, 306L);
        machine.guest().run("verify" + ALL);
        isRightThere();
    }

    @Test
    void aGuestThatReadsAllOfItStaysWithinItsBudget() throws Exception {
        begin(BUDGET);

        for (int i = 0; i < 5; i++) {
            machine.guest().run("verify" + ALL);
            Await.until("it is within its budget", this::isWithinBudget);
        }

        assertThat(scan(true)).as("pages that count as written").isZero();
        assertThat(held()).isEqualTo(PAGES);
        isRightThere();
    }

    @Test
    void whatTheGuestWritesIsGivenBackOnceItWasSent() throws Exception {
        begin(BUDGET);
        machine.guest().run("fill" + ALL + " 7");
        assertThat(machine.table().resident()).as("written, and not sent").isGreaterThan(BUDGET);

        Await.until("both hosts are within its budget", () -> {
            round();
            return isWithinBudget() && transfers.there.size() <= BUDGET; // a page is freed before that is announced
        });

        assertThat(transfers.sent.get()) // some were looked at while the guest was writing them
                .as("pages sent")
                .isBetween(PAGES, PAGES * 5 / 4);
        machine.guest().run("verify" + ALL);
        isRightThere();
        machine.guest().run("verify" + ALL);
    }

    @Test
    void aMemoryServerThatHangsHoldsUpNoOther() throws Exception {
        begin(BUDGET);
        CountDownLatch back = new CountDownLatch(1);
        Homes homes = machine.paging().homes();
        homes.set(0, storingAfter(back, homes.get(0)));
        machine.guest().run("fill" + ALL + " 7");

        try {
            Await.until("the other has all of its pages again", () -> {
                round();
                return machine.table().countRemote(1) == PAGES / 2;
            });
            assertThat(machine.table().countRemote(0)).isZero();
        } finally {
            back.countDown();
        }

        Await.until("it is within its budget", () -> {
            round();
            return isWithinBudget();
        });
        machine.guest().run("verify" + ALL);
        isRightThere();
    }

    /** A home that takes pages, and does not answer before that. */
    private static Home storingAfter(CountDownLatch back, Home home) {
        return (Home) Proxy.newProxyInstance(
                Home.class.getClassLoader(), new Class<?>[] {Home.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("store")) {
                        back.await();
                    }
                    try {
                        return method.invoke(home, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** It is in the next round, and nowhere else as it is. */
    @Test
    void whatTheGuestWritesStaysUntilItWasSent() throws Exception {
        begin(BUDGET);
        machine.guest().run("fill" + ALL + " 7");
        synchronized (transfers.scanning()) {
            scan(true);
        }
        long before = transfers.asked.get();

        Await.until("all of it was looked at, again and again", () -> transfers.asked.get() - before > 5 * PAGES);

        assertThat(machine.table().resident()).isEqualTo(PAGES);
        isRightThere();
    }

    @Test
    void aDeviceThatUsesGuestRamKeepsItHere() throws Exception {
        begin(PAGES);
        if (budget != null) {
            budget.close();
        }
        OutboundBudget other =
                new Outbound(machine.vm()).keepBudget(transfers, () -> "vfio0: reaches guest RAM past QEMU");
        budget = other;
        machine.vm().setBudget(Pages.toBytes(BUDGET));

        machine.guest().run("verify" + ALL);
        machine.guest().run("verify" + ALL);

        long before = other.looks();
        Await.until("it has looked, and has marked and freed what it would", () -> other.looks() - before > 5);
        assertThat(machine.table().resident()).isEqualTo(PAGES);
    }

    @Test
    void ifItStaysWhatMemoryServersHaveKeptIsDropped() throws Exception {
        begin(PAGES);
        machine.guest().run("verify" + ALL);
        machine.guest().run("fill 0 10 3");

        if (budget != null) {
            budget.close();
        }
        new Outbound(machine.vm()).unwatch();

        Await.until("what is stale is dropped", () -> held() == 0);
        machine.vm().setBudget(Pages.toBytes(BUDGET));
        Await.until("it is within its budget", this::isWithinBudget);
        machine.guest().run("verify" + ALL);
        Await.until("page-ins are dropped again", () -> held() == machine.count(PageState.REMOTE));
    }

    /** PageReturner would take a page that the scan has armed, and not yet noted, for an unwritten one. */
    @Test
    void nothingIsGivenBackWhileAScanGoesOn() throws Exception {
        begin(BUDGET);

        synchronized (transfers.scanning()) {
            machine.guest().run("verify" + ALL);
            Await.until("it waits for the scan, or goes on", () -> waitsFor(transfers.scanning()) || isWithinBudget());
            assertThat(machine.table().resident()).isGreaterThan(PAGES - 16); // some may just be arriving
        }

        Await.until("it is within its budget", this::isWithinBudget);
    }

    private static boolean waitsFor(Object lock) {
        for (ThreadInfo thread : ManagementFactory.getThreadMXBean().dumpAllThreads(false, false)) {
            boolean isItsThread = thread.getThreadName().startsWith("budget-");
            LockInfo awaited = thread.getLockInfo();
            if (isItsThread
                    && thread.getThreadState() == Thread.State.BLOCKED
                    && awaited != null
                    && awaited.getIdentityHashCode() == System.identityHashCode(lock)) {
                return true;
            }
        }
        return false;
    }

    @SeededTest(runs = 5)
    void theDestinationHasEachPageAsTheGuestHasItWheneverItStops(long seed) throws Exception {
        begin(BUDGET);
        machine.guest().begin("churn 3 4000 " + Math.abs(seed) + ALL + " 30");

        while (!machine.guest().hasAnswered()) {
            round();
        }

        machine.guest().end();
        isRightThere();
        new Outbound(machine.vm()).unwatch();
        machine.guest().run("verify" + ALL);
    }
}
