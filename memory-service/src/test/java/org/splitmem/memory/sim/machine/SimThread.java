package org.splitmem.memory.sim.machine;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** What the simulated code takes for {@link Thread}: one of a scheduler's, of which one at a time runs. */
public final class SimThread {
    private enum State {
        NEW,
        READY,
        RUNNING,
        WAITING,
        ENDED
    }

    private final Scheduler scheduler;
    private final SimProcess process;
    private final Runnable task;
    private final int id;
    private final WaitQueue joining = new WaitQueue();
    private String name;
    private State state = State.NEW;
    private @Nullable Carrier carrier;
    private volatile boolean turn;

    private @Nullable WaitQueue waitingIn;
    private long waits; // counts them: a timer of an earlier one is void
    private boolean timedOut;
    private boolean permit;
    private boolean interrupted;
    private @Nullable Throwable thrown;
    private int errno;

    public SimThread(Runnable task) {
        this(task, "thread");
    }

    public SimThread(Runnable task, String name) {
        this(Scheduler.here(), currentThread().process, task, name);
    }

    SimThread(Scheduler scheduler, SimProcess process, Runnable task, String name) {
        this.scheduler = scheduler;
        this.process = process;
        this.task = task;
        this.name = name;
        this.id = scheduler.nextThreadId();
    }

    // ---- as java.lang.Thread has it

    public static SimThread currentThread() {
        SimThread here = Carrier.here();
        if (here == null) {
            throw new IllegalStateException("no thread of a simulation");
        }
        return here;
    }

    public static void sleep(long ms) throws InterruptedException {
        SimThread self = currentThread();
        self.requireNotInterrupted();
        self.scheduler.await(null, self.scheduler.now() + ms * 1_000_000);
        self.requireNotInterrupted();
    }

    public static void onSpinWait() {
        currentThread().scheduler.passOn();
    }

    public static boolean interrupted() {
        SimThread self = currentThread();
        boolean was = self.interrupted;
        self.interrupted = false;
        return was;
    }

    public void start() {
        if (state != State.NEW) {
            throw new IllegalThreadStateException();
        }
        process.requireAlive();
        state = State.READY;
        scheduler.began(this);
    }

    public void interrupt() {
        interrupted = true;
        if (state == State.WAITING) {
            wake();
        }
    }

    public boolean isInterrupted() {
        return interrupted;
    }

    public boolean isAlive() {
        return state != State.NEW && state != State.ENDED;
    }

    public void join() throws InterruptedException {
        join(0);
    }

    public void join(long ms) throws InterruptedException {
        long end = ms == 0 ? Long.MAX_VALUE : scheduler.now() + ms * 1_000_000;
        SimThread self = currentThread();
        while (isAlive()) {
            self.requireNotInterrupted();
            if (!scheduler.await(joining, end)) {
                return;
            }
        }
        self.requireNotInterrupted();
    }

    public void setDaemon(boolean on) {}

    public String getName() {
        return name;
    }

    public void setName(String name) {
        this.name = name;
    }

    // ---- for the machine

    int id() {
        return id;
    }

    SimProcess process() {
        return process;
    }

    Scheduler scheduler() {
        return scheduler;
    }

    int errno() {
        return errno;
    }

    void setErrno(int errno) {
        this.errno = errno;
    }

    void requireNotInterrupted() throws InterruptedException {
        if (interrupted) {
            interrupted = false;
            throw new InterruptedException();
        }
    }

    boolean takePermit() {
        boolean had = permit;
        permit = false;
        return had;
    }

    void givePermit() {
        permit = true;
        if (state == State.WAITING && waitingIn == null) {
            wake();
        }
    }

    /** Before it gives the processor away. */
    long waitIn(@Nullable WaitQueue queue) {
        waitingIn = queue;
        if (queue != null) {
            queue.add(this);
        }
        state = State.WAITING;
        timedOut = false;
        return ++waits;
    }

    boolean hasTimedOut() {
        return timedOut;
    }

    void timeOut(long wait) {
        if (state == State.WAITING && wait == waits) {
            wake();
            timedOut = true;
        }
    }

    void wake() {
        if (waitingIn != null) {
            waitingIn.remove(this);
            waitingIn = null;
        }
        if (state == State.WAITING) {
            state = State.READY;
            scheduler.ready(this);
        }
    }

    void ready() {
        state = State.READY;
    }

    /** Has it go on; the caller stops. */
    void resume() {
        state = State.RUNNING;
        Carrier mine = carrier;
        if (mine == null) {
            Carrier found = Carrier.idle();
            carrier = found; // before it runs: whoever resumes it next must find it
            found.begin(this);
        } else {
            turn = true;
            LockSupport.unpark(mine);
        }
    }

    /** It gave the processor to itself. */
    void ranOn() {
        state = State.RUNNING;
    }

    /** Until it is resumed. */
    void stop() {
        while (!turn) {
            LockSupport.park(this);
        }
        turn = false;
    }

    /** On its carrier. */
    void runAll() {
        try {
            process.requireAlive();
            task.run();
        } catch (Killed e) {
            if (!process.isDead()) {
                thrown = e;
            }
        } catch (Throwable e) { // whatever it is, the run has failed
            thrown = e;
        }
        state = State.ENDED;
        joining.wakeAll();
        scheduler.ended(this, process.isDead() ? null : thrown);
    }

    StackTraceElement[] stack() {
        Carrier mine = carrier;
        return mine == null || state == State.ENDED ? new StackTraceElement[0] : mine.getStackTrace();
    }

    @Override
    public String toString() {
        return process + "/" + name;
    }
}
