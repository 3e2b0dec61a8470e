package org.splitmem.memory.sim;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.sim.machine.Kernel;
import org.splitmem.memory.sim.machine.Scheduler;

/** What goes wrong in a run, and when: a list that its seed makes, and of which only some may be wanted. */
final class Faults {
    private static final int LATEST_STEP = 4_000;
    private static final long SHORTEST_NS = 50_000_000L, LONGEST_NS = 15_000_000_000L;
    private static final Kind[] OFTEN = {Kind.KILL, Kind.KILL_AT_POINT, Kind.HALF_OPEN, Kind.SLOW, Kind.PAUSE};
    /** Where most is between two states. */
    private static final FaultPoint[] OFTEN_AT = {
        FaultPoint.READY,
        FaultPoint.LEAVING,
        FaultPoint.LAST_SCAN,
        FaultPoint.TOLD_DIRTY,
        FaultPoint.CHUNK_TOLD,
        FaultPoint.LOADED,
        FaultPoint.RUNNING,
        FaultPoint.HANDOVER,
        FaultPoint.LEFT,
        FaultPoint.OWNED,
        FaultPoint.ADOPTED,
        FaultPoint.NEXT_OWNER_NAMED,
        FaultPoint.PAGES_STORED,
        FaultPoint.PAGES_PUNCHED,
        FaultPoint.PAGE_ARRIVED,
        FaultPoint.RETURN_STORED,
        FaultPoint.GATHER_STORED,
        FaultPoint.MOVE_STORED,
        FaultPoint.MOVE_STEPPED,
        FaultPoint.GIVEN_ZERO,
        FaultPoint.WHOLE
    };

    private static final long MOST_JUMP_MS = 86_400_000L;

    /** What may go wrong. */
    enum Kind {
        /** A daemon is killed between two events. */
        KILL,
        /** A daemon is killed at a fault point. */
        KILL_AT_POINT,
        /** A connection is reset. */
        RESET,
        /** One end of a connection is gone, and the other one does not hear of it. */
        HALF_OPEN,
        /** A bit of a connection is wrong. */
        CORRUPT,
        /** Nothing gets through between two hosts for a while. */
        CUT,
        /** Records cannot be written for a while. */
        DISK_FAILS,
        /** The tmpfs is full for a while. */
        DISK_FULL,
        /** A host's threads wait for processors for a while, each again and again. */
        SLOW,
        /** The thread that comes to a fault point stands still there for a while, and perhaps one of its host's connections is reset. */
        PAUSE,
        /** The wall clock is set. */
        CLOCK
    }

    /** One fault. */
    record Fault(Kind kind, int host, int other, long step, FaultPoint point, long ns) {
        /** Whether it happens when a daemon first comes to a fault point, and not after so many steps. */
        boolean isAtPoint() {
            return kind == Kind.KILL_AT_POINT || kind == Kind.PAUSE || step % 2 == 0;
        }

        /** Whether it then happens to the daemon that comes to the point. */
        boolean isItsOwn() {
            return kind == Kind.PAUSE || step % 4 < 2;
        }

        @Override
        public String toString() {
            String whose = isAtPoint() && isItsOwn() ? "" : " of h" + host;
            String when = isAtPoint() ? " at " + point : " after " + step + " steps";
            return kind
                    + whose
                    + when
                    + switch (kind) {
                        case CUT -> ", from h" + other + ", for " + ns / 1_000_000 + " ms";
                        case DISK_FAILS, DISK_FULL, SLOW, PAUSE -> ", for " + ns / 1_000_000 + " ms";
                        default -> "";
                    };
        }
    }

    private final World world;
    private final List<Fault> all;
    private int pending;
    private int lasting;

    private Faults(World world, List<Fault> all) {
        this.world = world;
        this.all = all;
    }

    /** Those of a seed. */
    static List<Fault> of(long seed, int hosts) {
        SplittableRandom random = new SplittableRandom(seed ^ 0x5EED);
        List<Fault> all = new ArrayList<>();
        for (int left = random.nextInt(6); left > 0; left--) {
            Kind kind = any(random, random.nextInt(3) > 0 ? Kind.values() : OFTEN);
            int host = random.nextBoolean() ? 1 + random.nextInt(2) : 1 + random.nextInt(hosts);
            int other = 1 + (host + random.nextInt(hosts - 1)) % hosts;
            FaultPoint point = any(random, random.nextBoolean() ? FaultPoint.values() : OFTEN_AT);
            long ns = SHORTEST_NS + (long) (Math.pow(random.nextDouble(), 3) * (LONGEST_NS - SHORTEST_NS));
            all.add(new Fault(kind, host, other, 200 + random.nextInt(LATEST_STEP), point, ns));
        }
        return all;
    }

    private static <T> T any(SplittableRandom random, T[] of) {
        return of[random.nextInt(of.length)];
    }

    /** Has them happen. */
    static Faults begin(World world, List<Fault> wanted) {
        Faults faults = new Faults(world, wanted);
        wanted.forEach(faults::prepare);
        world.suffers(faults);
        return faults;
    }

    private void prepare(Fault fault) {
        SimHost host = world.host(fault.host);
        if (fault.isAtPoint()) {
            world.at(fault.point, at -> happen(fault, fault.isItsOwn() ? at.host() : host));
            return;
        }
        pending++;
        world.scheduler().atStep(fault.step, () -> {
            pending--;
            happen(fault, host);
        });
    }

    private void happen(Fault fault, SimHost host) {
        Kernel kernel = world.kernel();
        Scheduler scheduler = world.scheduler();
        scheduler.event("fault: " + fault + ", on " + host.name());
        switch (fault.kind) {
            case KILL, KILL_AT_POINT -> host.killAndRestart();
            case RESET -> kernel.reset(host.os());
            case HALF_OPEN -> kernel.halfOpen(host.os());
            case CORRUPT -> kernel.corrupt(host.os());
            case CUT -> {
                SimHost other = world.host(fault.other);
                kernel.cut(host.os(), other.os());
                lasts(fault, () -> kernel.heal(host.os(), other.os()));
            }
            case DISK_FAILS -> {
                host.os().failDisk(true);
                lasts(fault, () -> host.os().failDisk(false));
            }
            case DISK_FULL -> {
                host.os().limitDisk(0);
                lasts(fault, () -> host.os().limitDisk(-1));
            }
            case SLOW -> {
                kernel.slow(host.os(), true);
                lasts(fault, () -> kernel.slow(host.os(), false));
            }
            case PAUSE -> {
                if (scheduler.random().nextBoolean()) {
                    kernel.reset(host.os());
                }
                LockSupport.parkNanos(fault.ns / 4);
            }
            case CLOCK -> scheduler.jumpWallClock(scheduler.random().nextLong(-MOST_JUMP_MS, MOST_JUMP_MS));
        }
    }

    private void lasts(Fault fault, Runnable end) {
        lasting++;
        world.scheduler().after(fault.ns, () -> {
            lasting--;
            world.scheduler().event("over: " + fault);
            end.run();
        });
    }

    /** None that has not begun happens any more. */
    void stop() {
        world.scheduler().forgetSteps();
        world.kernel().loseNothing();
        pending = 0;
    }

    boolean areAny() {
        return !all.isEmpty();
    }

    boolean areOver() {
        return pending == 0 && lasting == 0;
    }

    @Override
    public String toString() {
        return all.toString();
    }
}
