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

    /** What was not delivered comes now. */
    void resume() {
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

    /** The first end loses it; the other one hears of nothing, until its kernel has asked in vain. */
    void halfOpen(long afterNs) {
        stalled = true;
        first.fail(Errors.ETIMEDOUT);
        Scheduler scheduler = network.scheduler();
        scheduler.at(scheduler.now() + afterNs, () -> fail(Errors.ETIMEDOUT));
    }

    @Override
    public String toString() {
        return name;
    }
}
