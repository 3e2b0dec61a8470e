package org.splitmem.memory.shim;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.SocketPair;

/** The other end of a {@link ShimSession}: does nothing, says that it did, and remembers what was asked. */
public final class FakeShim implements AutoCloseable {
    /** A range that was zapped, in bytes from the start of its backend. */
    public record Zap(int backend, long offset, long length) {}

    private static final int ENXIO = 6;

    private final SocketPair pair;
    private final ShimSession session;
    private final int backends;
    private final List<Zap> zaps = new CopyOnWriteArrayList<>();
    private final List<Integer> requests = new CopyOnWriteArrayList<>();
    private final List<DiscardRule> discards = new CopyOnWriteArrayList<>();
    private volatile Runnable beforeAnswer = () -> {};

    public FakeShim(UUID vm) throws IOException {
        this(vm, 1);
    }

    /** @param backends that it knows: modes of others are refused, as by the real one */
    public FakeShim(UUID vm, int backends) throws IOException {
        this.backends = backends;
        pair = SocketPair.open();
        pair.far().setTimeouts(0, 0);
        session = new ShimSession(
                vm, pair.near(), IntStream.range(0, backends).boxed().toList(), true);
        Thread thread = new Thread(this::serve, "fake-shim");
        thread.setDaemon(true);
        thread.start();
    }

    private static DiscardRule ruleOf(int code) {
        return Arrays.stream(DiscardRule.values())
                .filter(rule -> rule.code() == code)
                .findAny()
                .orElseThrow();
    }

    private void serve() {
        ShimMessage message = new ShimMessage();
        try {
            while (true) {
                message.receive(pair.far());
                requests.add(message.type());
                int backend = message.arg();
                if (message.type() == ShimMessage.ZAP) {
                    takeRanges(backend, (int) message.b());
                }
                if (message.type() == ShimMessage.DISCARDS) {
                    discards.add(ruleOf(message.arg()));
                }
                beforeAnswer.run();
                boolean unknown = message.type() == ShimMessage.MODES && backend >= backends;
                message.set(ShimMessage.DONE, message.seq(), unknown ? ENXIO : 0, 0, 0, 0)
                        .send(pair.far(), null);
            }
        } catch (IOException e) { // the test is over
            pair.far().shutdown();
        }
    }

    private void takeRanges(int backend, int count) throws IOException {
        NativeBlock ranges = new NativeBlock(count * 16);
        pair.far().receive(ranges.address(), ranges.size());
        for (int i = 0; i < count; i++) {
            zaps.add(new Zap(backend, ranges.getLong(i * 16), ranges.getLong(i * 16 + 8)));
        }
    }

    public ShimSession session() {
        return session;
    }

    public List<Zap> zaps() {
        return zaps;
    }

    /** Run on the shim's thread, after a request has come and before it is answered. */
    public void setBeforeAnswer(Runnable runs) {
        beforeAnswer = runs;
    }

    /** Types of the requests so far. */
    public List<Integer> requests() {
        return requests;
    }

    /** One on which nothing comes. */
    public DiscardConnection discardConnection() {
        return new DiscardConnection(pair.near());
    }

    /** The rules for discards that were asked for so far. */
    public List<DiscardRule> discards() {
        return discards;
    }

    @Override
    public void close() {
        pair.near().shutdown();
    }
}
