package org.splitmem.memory.sim.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Has one simulated thread run at a time: who gives the processor away, because it waits or because the seed says so, hands it to a runnable
 * one that the seed chooses. When none is runnable it is as late as the next timer says. So all that happens is a function of the seed.
 *
 * <p>Its state belongs to the thread that runs: handing over the processor orders all accesses.
 */
public final class Scheduler {
    /** Long before the clocks of a real machine could overflow, and not zero, which code could take for "never". */
    private static final long START_NS = 1_000_000_000_000L;

    private static final long EPOCH_MS = 1_700_000_000_000L;
    private static final int CHANCES = 1 << 20;
    private static final long LONGEST_STALL_NS = 5_000_000L;
    /** Of a host that is slow: at one of so many points a thread stands still, longer than a daemon takes to come back. */
    private static final int SLOW_POINTS = 50;

    private static final long LONGEST_SLOW_NS = 1_500_000_000L;

    private final SplittableRandom random;
    private final Settings settings;
    private final List<SimThread> ready = new ArrayList<>();
    private final List<SimThread> alive = new ArrayList<>();
    private final PriorityQueue<Timer> timers = new PriorityQueue<>();
    private final Monitors monitors = new Monitors(this);
    private final Trace trace;
    private final CountDownLatch over = new CountDownLatch(1);

    private @Nullable SimThread running;
    private @Nullable SimThread main;
    private long now = START_NS;
    private long wallAheadMs;
    private long timerNumber;
    private long steps;
    private int threads;
    private int quiet; // while it is above zero nothing that the running thread does is an event
    private int looksEvery;
    private Runnable look = () -> {};
    private final TreeMap<Long, Runnable> atSteps = new TreeMap<>();
    private volatile @Nullable Throwable failure;
    private boolean ending;

    /**
     * How a run is disturbed.
     *
     * @param preemption of how many points in 2^20 the processor is given away at
     * @param lateness in how many of 2^20 steps the next timer comes although threads are runnable, as if these were slow
     * @param mostSteps after which the run has failed: somebody makes no progress
     * @param mostNs the same for the clock
     */
    public record Settings(int preemption, int lateness, long mostSteps, long mostNs) {}

    private record Timer(long at, long number, Runnable action) implements Comparable<Timer> {
        @Override
        public int compareTo(Timer other) {
            int byTime = Long.compare(at, other.at);
            return byTime != 0 ? byTime : Long.compare(number, other.number);
        }
    }

    public Scheduler(long seed, Settings settings, Trace trace) {
        this.random = new SplittableRandom(seed);
        this.settings = settings;
        this.trace = trace;
    }

    /** The one whose thread the caller is. */
    public static Scheduler here() {
        return SimThread.currentThread().scheduler();
    }

    // ---- a run

    /** Runs a task and all that it begins. @throws Throwable what failed, in whichever thread */
    public void run(SimProcess process, String name, Runnable task) throws Throwable {
        SimThread first = new SimThread(this, process, task, name);
        main = first;
        running = first;
        first.ready();
        alive.add(first);
        first.resume();
        over.await();
        Throwable failed = failure;
        if (failed != null) {
            throw failed;
        }
    }

    /** Begins a thread in another process than the caller's. */
    public SimThread begin(SimProcess process, String name, Runnable task) {
        SimThread thread = new SimThread(this, process, task, name);
        thread.start();
        return thread;
    }

    /** What failed first is what the run fails with; the main thread is waked to find it. */
    public void fail(Throwable why) {
        if (failure == null) {
            failure = why;
            trace.event(now, "FAILED: " + why);
        }
        SimThread first = main;
        if (first != null && first != running) {
            first.wake();
        }
    }

    /**
     * Has something looked at, again and again, while no thread runs.
     *
     * @param action must neither wait nor change anything
     */
    public void look(int everySteps, Runnable action) {
        looksEvery = everySteps;
        look = action;
    }

    /** Has something happen between two steps: it must not wait. */
    public void atStep(long step, Runnable action) {
        long at = step;
        while (atSteps.containsKey(at)) {
            at++;
        }
        atSteps.put(at, action);
    }

    /** What was to happen between steps does not. */
    public void forgetSteps() {
        atSteps.clear();
    }

    /** Has something happen then: it must not wait. */
    public void after(long ns, Runnable action) {
        at(now + ns, () -> inspect(action));
    }

    int nextThreadId() {
        return ++threads;
    }

    void began(SimThread thread) {
        alive.add(thread);
        ready.add(thread);
        trace.mix(now, thread.id());
    }

    void ready(SimThread thread) {
        ready.add(thread);
    }

    void ended(SimThread thread, @Nullable Throwable thrown) {
        alive.remove(thread);
        if (thrown != null) {
            fail(thrown == failure ? thrown : new AssertionError("thread " + thread + " ended by " + thrown, thrown));
        }
        if (thread == main) {
            ending = true;
            looksEvery = 0;
            atSteps.clear();
            for (SimThread other : List.copyOf(alive)) {
                other.process().die().forEach(Runnable::run);
                other.wake();
            }
        }
        if (alive.isEmpty()) {
            over.countDown();
            return;
        }
        SimThread next = choose();
        if (next == null) {
            over.countDown();
        } else {
            hand(next);
        }
    }

    // ---- giving the processor away

    /**
     * Waits.
     *
     * @param queue from which it may be waked; null: by a permit only
     * @param until by the clock; {@link Long#MAX_VALUE}: for ever
     * @return false if it was that late before
     */
    boolean await(@Nullable WaitQueue queue, long until) {
        SimThread self = current();
        beforeWait(self);
        long wait = self.waitIn(queue);
        if (until != Long.MAX_VALUE) {
            at(until, () -> self.timeOut(wait));
        }
        pass(self);
        return !self.hasTimedOut();
    }

    private void beforeWait(SimThread self) {
        if (quiet > 0) {
            throw new IllegalStateException("an inspection must not wait");
        }
        self.process().requireAlive();
        requireNoFailure(self);
    }

    /** At any point of the simulated code: somebody else may be next. */
    public void point() {
        if (quiet > 0) {
            return;
        }
        SimThread self = current();
        self.process().requireAlive();
        if (self.process().host().isSlow() && random.nextInt(SLOW_POINTS) == 0) {
            stall(LONGEST_SLOW_NS);
        } else if (random.nextInt(CHANCES) < settings.preemption()) {
            if (random.nextInt(4) == 0) {
                giveWay(self);
            } else {
                stall(LONGEST_STALL_NS);
            }
        }
    }

    /** As a thread is whose processor is another's for a while: long enough for others to come to the same page. */
    private void stall(long longestNs) {
        double part = random.nextDouble();
        await(new WaitQueue(), now + 1 + (long) (part * part * part * longestNs));
    }

    void passOn() {
        if (quiet == 0) {
            giveWay(current());
        }
    }

    private void giveWay(SimThread self) {
        beforeWait(self);
        self.ready();
        ready.add(self);
        pass(self);
    }

    private void pass(SimThread self) {
        SimThread next = choose();
        if (next == null) { // nobody ever will be
            next = self;
        }
        if (next == self) {
            running = self;
            self.ranOn();
        } else {
            hand(next);
            self.stop();
        }
        self.process().requireAlive();
        requireNoFailure(self);
    }

    private void hand(SimThread next) {
        running = next;
        next.resume();
    }

    private void requireNoFailure(SimThread self) {
        Throwable failed = failure;
        if (failed != null && self == main && !ending) {
            throw new AssertionError("the run has failed", failed);
        }
    }

    /** @return null if no thread is runnable, and none will be */
    private @Nullable SimThread choose() {
        step();
        while (true) {
            while (!timers.isEmpty() && (timers.peek().at <= now || ready.isEmpty())) {
                Timer timer = timers.poll();
                now = Math.max(now, timer.at);
                timer.action.run();
            }
            if (!ready.isEmpty()) {
                int index = ready.size() == 1 ? 0 : random.nextInt(ready.size());
                SimThread next = ready.get(index);
                SimThread last = ready.remove(ready.size() - 1);
                if (last != next) {
                    ready.set(index, last);
                }
                trace.mix(now, next.id());
                return next;
            }
            if (failure != null || main == null || !main.isAlive()) {
                return null;
            }
            fail(new AssertionError("all threads wait, and nothing will wake them: " + threadDump()));
        }
    }

    private void step() {
        steps++;
        now += 1 + random.nextInt(2_000);
        if (!timers.isEmpty() && random.nextInt(CHANCES) < settings.lateness()) {
            now = Math.max(now, timers.peek().at);
        }
        if (steps == settings.mostSteps() || (now - START_NS > settings.mostNs() && failure == null && !ending)) {
            fail(new AssertionError(
                    "no end after " + steps + " steps, at " + (now - START_NS) / 1_000_000 + " ms: " + threadDump()));
        }
        while (!atSteps.isEmpty() && atSteps.firstKey() <= steps) {
            inspect(atSteps.pollFirstEntry().getValue());
            if (looksEvery > 0) {
                inspect(look);
            }
        }
        if (looksEvery > 0 && steps % looksEvery == 0) {
            inspect(look);
        }
    }

    /** Looks at the simulated code's state: nothing of it is an event, and no lock is needed. */
    public void inspect(Runnable action) {
        quiet++;
        try {
            action.run();
        } catch (RuntimeException | AssertionError e) {
            fail(e);
        } finally {
            quiet--;
        }
    }

    boolean isQuiet() {
        return quiet > 0;
    }

    // ---- time and chance

    /** Nanoseconds of the clock. */
    public long now() {
        return now;
    }

    /** Since the run began. */
    public long sinceStartNs() {
        return now - START_NS;
    }

    long nanoTime() {
        if (quiet == 0) {
            now += 50; // who looks at the clock until it is later must find it later
        }
        return now;
    }

    long wallMs() {
        return EPOCH_MS + (now - START_NS) / 1_000_000 + wallAheadMs;
    }

    /** The wall clock is set; the other one goes on. */
    public void jumpWallClock(long ms) {
        wallAheadMs += ms;
    }

    /** Runs something that waits for nothing at that time. */
    void at(long ns, Runnable action) {
        timers.add(new Timer(ns, timerNumber++, action));
    }

    /** Of the run's seed. */
    public SplittableRandom random() {
        return random;
    }

    public long steps() {
        return steps;
    }

    public Trace trace() {
        return trace;
    }

    /** Something worth a line of the story. */
    public void event(String what) {
        trace.event(sinceStartNs(), what);
    }

    Monitors monitors() {
        return monitors;
    }

    SimThread current() {
        SimThread self = running;
        if (self == null) {
            throw new IllegalStateException("no thread of the simulation runs");
        }
        return self;
    }

    // ---- death

    /** All its threads end, each when it would run next. */
    void killThreads(SimProcess process) {
        for (SimThread thread : List.copyOf(alive)) {
            if (thread.process() == process) {
                thread.wake();
            }
        }
    }

    public String threadDump() {
        StringBuilder text = new StringBuilder();
        for (SimThread thread : alive) {
            text.append("\n  ").append(thread);
            int lines = 0;
            for (StackTraceElement at : thread.stack()) {
                if (at.getClassName().startsWith("org.splitmem")
                        && !at.getClassName().contains("sim.machine")
                        && lines++ < 8) {
                    text.append("\n      ").append(at);
                }
            }
        }
        return text.toString();
    }
}
