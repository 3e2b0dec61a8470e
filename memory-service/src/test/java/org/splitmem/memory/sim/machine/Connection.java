package org.splitmem.memory.sim.machine;

/** A connection between two processes: of one host, or of two. */
final class Connection {
    private final Network network;
    private final String name;
    private final boolean isRemote;
    private final Stream first;
    private final Stream second;
    private final Pipe forth = new Pipe();
    private final Pipe back = new Pipe();
    private final long latencyNs;
    private boolean over;
    private int corruptAfter;
    private boolean stalled;

    Connection(Network network, String name, SimProcess from, SimProcess to, boolean isRemote) {
        this.network = network;
        this.name = name;
        this.isRemote = isRemote;
        this.first = new Stream(this, from, back, forth, true);
        this.second = new Stream(this, to, forth, back, false);
        this.latencyNs = isRemote ? network.latency() : 2_000;
    }

    Network network() {
        return network;
    }

    Stream first() {
        return first;
    }

    Stream second() {
        return second;
    }

    boolean isRemote() {
        return isRemote;
    }

    boolean isOver() {
        return over || (first.process().isDead() && second.process().isDead());
    }

    boolean isBetween(SimHostOs a, SimHostOs b) {
        SimHostOs from = first.process().host();
        SimHostOs to = second.process().host();
        return (from == a && to == b) || (from == b && to == a);
    }

    boolean touches(SimHostOs host) {
        return first.process().host() == host || second.process().host() == host;
    }

    void send(Stream from, Pipe pipe, Pipe.Segment segment) {
        pipe.send(segment);
        Scheduler scheduler = network.scheduler();
        long delay = latencyNs
                + (isRemote
                        ? scheduler.random().nextInt((int) latencyNs)
                        : scheduler.random().nextInt(2_000));
        scheduler.at(pipe.arrivalOf(scheduler.now() + delay), () -> arrive(pipe));
        if (isRemote && !over && network.losesNow(from.process().host(), segment.bytes.length)) {
            halfOpen(from, Network.VANISHED_NS);
        }
    }

    private void arrive(Pipe pipe) {
        if (stalled || isCut()) {
            return; // sent again when the network is whole again
        }
        Pipe.Segment segment = pipe.underWay();
        if (segment == null) {
            return;
        }
        if (pipe.closedByReader && !segment.isEnd) {
            reset();
            return;
        }
        if (corruptAfter > 0 && segment.bytes.length > 0 && --corruptAfter == 0) {
            int at = network.scheduler().random().nextInt(segment.bytes.length);
            segment.bytes[at] ^= (byte) (1 << network.scheduler().random().nextInt(8));
            network.scheduler().event("a byte of " + name + " is damaged");
        }
        pipe.arrive();
    }

    private boolean isCut() {
        return isRemote
                && network.isCut(first.process().host(), second.process().host());
    }

    /** Nothing comes until {@link #resume}. */
    void stall() {
        stalled = true;
    }

    /** What was not delivered comes now, and what is sent from now on in time. */
    void resume() {
        stalled = false;
        deliver();
    }

    private void deliver() {
        boolean wasStalled = stalled;
        stalled = false;
        deliverAll();
        stalled = wasStalled;
    }

    private void deliverAll() {
        for (Pipe pipe : new Pipe[] {forth, back}) {
            while (!isOver() && pipe.underWay() != null) {
                Pipe.Segment before = pipe.underWay();
                arrive(pipe);
                if (pipe.underWay() == before) {
                    return;
                }
            }
        }
    }

    /** One of the next segments has one bit that is wrong. */
    void corrupt() {
        corruptAfter = 1 + network.scheduler().random().nextInt(6);
    }

    /** Both ends find it broken. */
    void reset() {
        fail(Errors.ECONNRESET);
    }

    void fail(int errno) {
        if (!over) {
            over = true;
            first.fail(errno);
            second.fail(errno);
        }
    }

    /** One end loses it; what it has sent comes late, or never, and nothing else until the other one's kernel has asked in vain. */
    private void halfOpen(Stream loser, long afterNs) {
        network.scheduler().event("connection " + name + " is half open");
        stalled = true;
        loser.failAlone(Errors.ETIMEDOUT);
        Scheduler scheduler = network.scheduler();
        if (scheduler.random().nextInt(4) > 0) {
            scheduler.at(scheduler.now() + scheduler.random().nextLong(afterNs / 2), this::deliver);
        }
        scheduler.at(scheduler.now() + afterNs, () -> fail(Errors.ETIMEDOUT));
    }

    @Override
    public String toString() {
        return name;
    }
}
