package org.splitmem.bridge.gate;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.ByteArrayEndPoint;
import org.eclipse.jetty.io.Connection;
import org.junit.jupiter.api.Test;

class ConnectionsTest {
    private long nowNs;
    private final Budgets projects = new Budgets(2);
    private final Connections connections = new Connections(3, Duration.ofSeconds(10), projects, () -> nowNs);

    private static final class Fake extends AbstractConnection {
        Fake() {
            super(new ByteArrayEndPoint(), Runnable::run);
            getEndPoint().setConnection(this);
        }

        @Override
        public void onFillable() {}
    }

    private Connection open() {
        Connection connection = new Fake();
        connections.onOpened(connection);
        return connection;
    }

    private boolean isClosed(Connection connection) {
        if (!connection.getEndPoint().isOpen()) {
            connections.onClosed(connection);
            return true;
        }
        return false;
    }

    private void pass(int seconds) {
        nowNs += Duration.ofSeconds(seconds).toNanos();
        connections.sweep();
    }

    @Test
    void aConnectionIsClosedWhenNoRequestHasComeWholeForTooLong() {
        Connection slow = open();
        Connection busy = open();
        connections.begin(busy);

        pass(9);
        assertThat(isClosed(slow)).isFalse();
        pass(1);
        assertThat(isClosed(slow)).isTrue();
        assertThat(isClosed(busy)).isFalse();

        connections.end(busy);
        pass(9);
        assertThat(isClosed(busy)).isFalse();
        pass(1);
        assertThat(isClosed(busy)).isTrue();
        assertThat(connections.open()).isZero();
    }

    @Test
    void oneTooManyCostsTheOneThatHasBeenIdleLongest() {
        List<Connection> all = new ArrayList<>(List.of(open(), open(), open()));
        connections.begin(all.get(0));
        connections.end(all.get(0)); // now the second has been idle longest
        connections.begin(all.get(2));

        Connection late = open();

        assertThat(isClosed(all.get(1))).isTrue();
        assertThat(isClosed(all.get(0)) || isClosed(all.get(2)) || isClosed(late))
                .isFalse();
    }

    @Test
    void whenAllAreBusyTheNewOneIsTooMany() {
        for (int i = 0; i < 3; i++) {
            connections.begin(open());
        }

        assertThat(isClosed(open())).isTrue();
    }

    @Test
    void aProjectHasSoManyConnectionsAndGetsThemBack() {
        Connection a = open();
        Connection b = open();
        Connection c = open();

        assertThat(connections.own(a, "p1")).isTrue();
        assertThat(connections.own(a, "p1")).isTrue();
        assertThat(connections.own(b, "p1")).isTrue();
        assertThat(connections.own(c, "p1")).isFalse();
        assertThat(connections.own(c, "p2")).isTrue();
        assertThat(connections.own(b, "p2"))
                .as("a proxy's connection may serve several")
                .isTrue();
        assertThat(connections.own(c, "p1")).isTrue();
        a.getEndPoint().close();
        connections.onClosed(a);
        assertThat(connections.own(b, "p1")).isTrue();
    }
}
