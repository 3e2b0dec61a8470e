package org.splitmem.memory.sim;

import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;

/** A VM's life, of which the seed decides all: what is asked for, and how large it is. */
final class Story {
    private static final int PAGE = 4096;
    private static final int MOST_ATTEMPTS = 40;
    private static final long RETRY_NS = 1_000_000_000L;
    /** Between two operations: what is under way, or all that the daemons try again. */
    private static final long SHORT_NS = 500_000_000L, LONG_NS = 8_000_000_000L;

    private Story() {}

    static void tell(World world, int operations) throws Exception {
        SplittableRandom random = world.scheduler().random().split();
        int first = 48 + random.nextInt(48);
        List<Long> backends =
                random.nextBoolean() ? List.of((long) first * PAGE) : List.of((long) first * PAGE, 16L * PAGE);
        long budget = (32 + random.nextInt(16)) * (long) PAGE;
        long ram = backends.stream().mapToLong(Long::longValue).sum();
        if (random.nextInt(4) == 0 && budget < ram) {
            Operator.expect(world, ram, budget);
        }
        Guest guest = new Guest(world, start(world, backends));
        world.runs(guest);
        world.await("the shim is connected", () -> {
            var vm = World.vmOn(world.host(1));
            return vm != null && vm.session() != null;
        });
        guest.fill();
        guest.qemu().monitor().resume();
        guest.run();
        Operator operator = new Operator(world, guest, backends, budget);
        for (int i = 0; i < operations; i++) {
            LockSupport.parkNanos(1 + random.nextLong(random.nextInt(4) == 0 ? LONG_NS : SHORT_NS));
            operator.next();
        }
        if (random.nextInt(10) == 0) {
            lose(world, guest, random);
        } else {
            end(world, guest, operator);
        }
    }

    /** A sub-host is rebooted: what it had is lost, which the guest waits for, and no zeros are taken for it. */
    private static void lose(World world, Guest guest, SplittableRandom random) {
        List<SimHost> subs = world.subHosts().stream()
                .filter(host -> host != guest.qemu().host())
                .toList();
        SimHost lost = subs.get(random.nextInt(subs.size()));
        world.scheduler().event("fault: " + lost.name() + " is rebooted");
        world.loses(lost);
        lost.reboot();
        guest.uses(0, guest.pages());
        LockSupport.parkNanos(60_000_000_000L);
        world.endTroubles();
        world.await("nothing goes wrong any more", () -> !world.isTroubled());
        world.awaitAllUp();
        guest.stops();
        guest.qemu().kill();
        world.endsGuest();
        world.await("nothing is left anywhere", () -> world.isCleanBut(null));
    }

    /** A daemon that dies meanwhile fails the start: whoever asked for it tries again. */
    private static SimQemu start(World world, List<Long> backends) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                return new SimQemu(world, world.host(1), World.VM, backends);
            } catch (IOException e) {
                if (attempt == MOST_ATTEMPTS) {
                    throw e;
                }
                LockSupport.parkNanos(RETRY_NS);
                world.awaitAllUp();
            }
        }
    }

    private static void end(World world, Guest guest, Operator operator) {
        world.endTroubles();
        world.await("nothing goes wrong any more", () -> !world.isTroubled());
        world.awaitAllUp();
        operator.endDrains();
        guest.verify();
        world.await("all that is elsewhere is known", () -> new Settled(world, guest).holds());
        operator.becomeWhole();
        world.await("the guest stops", guest::stops);
        guest.verify();
    }
}
