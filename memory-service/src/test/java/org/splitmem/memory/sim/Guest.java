package org.splitmem.memory.sim;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import org.splitmem.memory.sim.machine.GuestRam;
import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimThread;
import org.splitmem.memory.testing.GuestContent;

/** A guest, which knows what its RAM must be: its vCPUs read and write it, and give some back, in whichever QEMU it is. */
final class Guest {
    private static final int VCPUS = 2;
    private static final long LONGEST_PAUSE_NS = 3_000_000L, IDLE_PAUSE_NS = 400_000_000L;
    /** Pages that a vCPU touches before it takes its time: then a run mostly waits for something else. */
    private static final int BUSY = 1_000;

    /** Of so many touches one is of any page: then some are paged in, and out, whatever else happens. */
    private static final int ELSEWHERE = 8;

    /** A page of which the story says all that the guest does with it. */
    private static final int TOLD = Integer.getInteger("sim.page", -1);

    private final World world;
    private final int[] versions;
    private final boolean[] givenBack;
    private final boolean[] givingBack; // just now
    private final List<SimThread> vcpus = new ArrayList<>();
    private final SplittableRandom random;
    private SimQemu qemu;
    private volatile boolean stopping;
    private volatile int from;
    private volatile int count;
    private int nextVersion = 1;

    Guest(World world, SimQemu qemu) {
        this.world = world;
        this.qemu = qemu;
        int pages = qemu.ram().stream().mapToInt(GuestRam::pages).sum();
        this.versions = new int[pages];
        this.givenBack = new boolean[pages];
        this.givingBack = new boolean[pages];
        this.random = Scheduler.here().random().split();
        uses(0, pages);
    }

    int pages() {
        return versions.length;
    }

    SimQemu qemu() {
        return qemu;
    }

    /** Which version a page must have; 0: zeros. */
    int version(int page) {
        return versions[page];
    }

    /** Whether it may be zeros as well. */
    boolean isGivenBack(int page) {
        return givenBack[page];
    }

    /** Its vCPUs stand still, and go on in this one when they run again. */
    void movesTo(SimQemu other) {
        qemu = other;
    }

    /** Which pages it touches from now on. */
    void uses(int first, int number) {
        from = first;
        count = number;
    }

    // ---- its vCPUs

    void run() {
        stopping = false;
        vcpus.clear();
        Scheduler scheduler = Scheduler.here();
        for (int i = 0; i < VCPUS; i++) {
            int index = i;
            SplittableRandom own = random.split();
            vcpus.add(begin(scheduler, "vcpu" + i, () -> use(index, own)));
        }
    }

    private SimThread begin(Scheduler scheduler, String name, Runnable task) {
        return scheduler.begin(qemu.process(), name, task);
    }

    /** Asks them to stop. @return true once they have */
    boolean stops() {
        stopping = true;
        return vcpus.stream().noneMatch(SimThread::isAlive);
    }

    /** VCPU i of n owns every n-th page: neighbours in the page table are different ones'. */
    private void use(int index, SplittableRandom own) {
        for (int touched = 0; !stopping; touched++) {
            boolean isElsewhere = own.nextInt(ELSEWHERE) == 0;
            int first = isElsewhere ? 0 : from;
            int nth = first / VCPUS + own.nextInt((isElsewhere ? pages() : count) / VCPUS);
            int page = nth * VCPUS + index; // whichever it uses, one that is this one's
            int dice = own.nextInt(100);
            if (dice < 2) {
                discard(page);
            } else {
                check(page);
                if (dice < 50) {
                    write(page, dice < 8 ? 0 : nextVersion++);
                }
            }
            if (own.nextInt(4) == 0) {
                LockSupport.parkNanos(1 + own.nextLong(touched < BUSY ? LONGEST_PAUSE_NS : IDLE_PAUSE_NS));
            }
        }
    }

    /** All of its pages that it uses have some content. */
    void fill() {
        forAll(page -> write(page, nextVersion++));
    }

    /** All pages are what they must be. */
    void verify() {
        int first = from;
        int number = count;
        uses(0, pages());
        forAll(this::check);
        uses(first, number);
    }

    private interface Touch {
        void at(int page);
    }

    private void forAll(Touch touch) {
        SimThread thread = begin(Scheduler.here(), "guest", () -> {
            for (int page = from; page < from + count; page++) {
                touch.at(page);
            }
        });
        world.await("the guest has touched its pages", () -> !thread.isAlive());
    }

    /** As devices do in a QEMU in which it does not run yet. */
    SimThread looksAt(SimQemu there, int first, int number) {
        return Scheduler.here().begin(there.process(), "load", () -> {
            for (int page = first; page < first + number; page++) {
                int version = versions[page];
                boolean mayBeZero = givenBack[page];
                int at = page;
                long word = in(there, page, (ram, backend, index) -> ram.load(index));
                if (word != GuestContent.word(at, version, 0) && !(mayBeZero && word == 0)) {
                    throw new AssertionError("page " + page + " begins with " + Long.toHexString(word)
                            + " where it is loaded, instead of version " + version);
                }
            }
        });
    }

    // ---- its pages

    private interface Use<T> {
        T of(GuestRam ram, int backend, int page) throws IOException;
    }

    private <T> T in(int page, Use<T> use) {
        return in(qemu, page, use);
    }

    private static <T> T in(SimQemu where, int page, Use<T> use) {
        int left = page;
        for (int backend = 0; ; backend++) {
            GuestRam ram = where.ram().get(backend);
            if (left < ram.pages()) {
                try {
                    return use.of(ram, backend, left);
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            }
            left -= ram.pages();
        }
    }

    private void told(int page, String what) {
        if (page == TOLD) {
            Scheduler.here().event("guest: page " + page + " " + what);
        }
    }

    private void write(int page, int version) {
        in(page, (ram, backend, at) -> {
            ram.store(at, i -> GuestContent.word(page, version, i));
            versions[page] = version;
            givenBack[page] = false;
            told(page, "is version " + version);
            return true;
        });
    }

    private void check(int page) {
        in(page, (ram, backend, at) -> {
            long word = ram.load(at); // no other thread runs from here on
            if (givenBack[page] && word == 0) {
                versions[page] = 0;
            }
            told(page, "is found as version " + versions[page]);
            givenBack[page] = givingBack[page];
            int version = versions[page];
            if (!ram.matches(at, i -> GuestContent.word(page, version, i))) {
                throw new AssertionError("page " + page + " is not what the guest wrote: it begins with "
                        + Long.toHexString(word) + " instead of "
                        + Long.toHexString(GuestContent.word(page, version, 0)) + ", version " + version);
            }
            return true;
        });
    }

    private void discard(int page) {
        in(page, (ram, backend, at) -> {
            told(page, "is to be given back");
            boolean before = givenBack[page];
            givenBack[page] = true; // from here on it may be gone at any moment
            givingBack[page] = true;
            boolean isTaken = qemu.discard(backend, at, 1);
            givingBack[page] = false;
            givenBack[page] = isTaken || before;
            told(page, givenBack[page] ? "is given back" : "is not given back");
            return true;
        });
    }

    /** For inspections. */
    long wordInFile(int page) {
        return in(page, (ram, backend, at) -> ram.wordInFile(at));
    }

    boolean isInFile(int page) {
        return in(page, (ram, backend, at) -> ram.isInFile(at));
    }
}
