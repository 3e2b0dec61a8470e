package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.memory.linux.SocketPair;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;

/** A destination that confirms, and one whose host answers for the connection while its daemon is stopped. */
@Timeout(value = 40, threadMode = Timeout.ThreadMode.SEPARATE_THREAD) // an endless wait is what has to be noticed
class ConfirmationsTest {
    private static final long PAGES = 16;
    private static final long AT_ONCE = 1;
    private static final long LONG = TimeUnit.SECONDS.toNanos(20);

    private final Signals signals = new Signals();
    private SocketPair sockets;
    private ControlLink control;
    private FrameSocket destination;

    /** One that may go on. */
    private static class Migration implements PreCopy.Migration {
        @Override
        public void isReady(String because) {}

        @Override
        public void check() throws IOException {}

        @Override
        public boolean mustStop() {
            return false;
        }
    }

    /** One that was aborted. */
    private static final class Aborted extends Migration {
        @Override
        public void check() throws IOException {
            throw new IOException("aborted by the test");
        }

        @Override
        public boolean mustStop() {
            return true;
        }
    }

    @BeforeEach
    void connect() throws IOException {
        sockets = SocketPair.open();
        sockets.near().setTimeouts(0, 0); // as the one of a migration: only a limit ends a wait
        control = new ControlLink(new FrameSocket(sockets.near()), PAGES, signals::changed);
        control.start();
        destination = new FrameSocket(sockets.far());
    }

    @AfterEach
    void close() {
        destination.close();
        control.close();
    }

    private Confirmations within(long limitNs) {
        return new Confirmations(Tasks.toH2(1 << 20), signals, limitNs);
    }

    @Test
    void whatWentBackIsAwaitedUntilTheDestinationHasFreedIt() throws Exception {
        control.flush();
        destination.send(FrameType.FLUSHED, 0, 0, 0);

        within(LONG).awaitFreed(control, new Migration());

        assertThat(control.isFlushed()).isTrue();
    }

    @Test
    void aDestinationThatDoesNotSayThatItHasFreedThemEndsTheMigration() throws Exception {
        control.flush();

        assertThatThrownBy(() -> within(AT_ONCE).awaitFreed(control, new Migration()))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(
                        "h2 has not confirmed within 0 s that it has freed the pages that went back to sub-hosts")
                .hasMessageContaining("see whether splitmemd hangs there");
    }

    @Test
    void anAbortIsTheReasonIfThereIsOne() throws Exception {
        control.flush();

        assertThatThrownBy(() -> within(LONG).awaitFreed(control, new Aborted()))
                .hasMessage("aborted by the test");
    }

    @Test
    void chunksAreOpenOnceTheDestinationSaysSo() throws Exception {
        control.sendAllTold();
        destination.send(FrameType.FLUSHED, 0, 0, 0);

        assertThat(within(LONG).awaitOpened(control)).isTrue();
    }

    @Test
    void noChunkOpensAnyMoreWhenTheConnectionHasEnded() throws Exception {
        control.sendAllTold();
        destination.close();

        assertThat(within(LONG).awaitOpened(control)).isFalse();
    }

    @Test
    void aDestinationThatOpensNoChunkIsNotAwaitedForEver() throws Exception {
        control.sendAllTold();

        assertThatThrownBy(() -> within(AT_ONCE).awaitOpened(control))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("h2 has not confirmed within 0 s that it has opened all chunks of RAM")
                .hasMessageContaining("see whether splitmemd hangs there");
    }
}
