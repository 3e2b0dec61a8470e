package org.splitmem.bridge.registry;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.daemon.FakeHosts;
import org.splitmem.bridge.daemon.HostAddress;
import org.splitmem.bridge.store.Database;
import org.splitmem.bridge.store.HostStore;
import org.splitmem.bridge.store.RegisteredHost;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;

class PeerTellerTest {
    private final Database database = new Database(
            "jdbc:h2:mem:" + UUID.randomUUID() + ";MODE=MariaDB;DATABASE_TO_LOWER=TRUE;DB_CLOSE_DELAY=-1", "", "", 4);
    private final ListAppender<ILoggingEvent> logged = new ListAppender<>();
    private @Nullable Level before;
    private FakeHosts hosts;
    private HostRegistry registry;
    private Daemons daemons;
    private PeerTeller teller;

    @BeforeEach
    void start() throws Exception {
        hosts = new FakeHosts("h1", "h2", "h3");
        knows(List.of());
        logged.start();
        before = logger().getLevel();
        logger().setLevel(Level.WARN);
        logger().addAppender(logged);
    }

    private void knows(List<HostAddress> configured) {
        registry = new HostRegistry(configured, List.of(), new HostStore(database), Clock.systemUTC());
        daemons = new Daemons(registry, "key", Duration.ofSeconds(20));
        teller = new PeerTeller(registry, daemons);
    }

    @AfterEach
    void end() {
        logger().detachAppender(logged);
        logger().setLevel(before);
        daemons.close();
        hosts.close();
        database.close();
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger(PeerTeller.class);
    }

    private HostAddress address(String name) {
        return hosts.addresses().stream()
                .filter(host -> host.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private CompletableFuture<Void> begin(String name) {
        HostAddress host = address(name);
        RegisteredHost registered = new RegisteredHost(name, name, host.address(), host.port(), 7780);
        return teller.registered(name, registry.register(registered));
    }

    private void register(String... names) {
        for (String name : names) {
            begin(name).join();
        }
    }

    private PeerList list(String... names) {
        return new PeerList(List.of(names).stream()
                .map(this::address)
                .map(host -> new PeerAddress(host.name(), host.address(), host.port()))
                .toList());
    }

    private List<String> warnings() {
        return logged.list.stream()
                .filter(event -> event.getLevel() == Level.WARN)
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }

    @Test
    void allAreToldOfANewHost() {
        register("h1", "h2", "h3");

        for (String name : List.of("h1", "h2", "h3")) {
            assertThat(hosts.peers(name)).as(name).isEqualTo(list("h1", "h2", "h3"));
        }
        assertThat(warnings()).isEmpty();
    }

    /** As by another bridge: what it has told is not replaced by what was so before. */
    @Test
    void aHostThatRegistersElsewhereMeanwhileIsToldOfToo() {
        register("h1", "h2");
        HostAddress h3 = address("h3");
        hosts.before("PUT peers", () -> {
            hosts.before("PUT peers", () -> {});
            registry.register(new RegisteredHost("h3", "h3", h3.address(), h3.port(), 7780));
        });
        hosts.mood("h1", FakeHosts.Mood.WELL);

        begin("h1").join();
        teller.registered("h1", true).join();

        assertThat(hosts.peers("h1")).isEqualTo(list("h1", "h2", "h3"));
        assertThat(hosts.peers("h2")).isEqualTo(list("h1", "h2", "h3"));
    }

    @Test
    void nothingIsSentWhenNothingHasChanged() {
        register("h1", "h2");
        int tellings = hosts.tellings("h1");

        register("h1", "h2", "h1");

        assertThat(hosts.tellings("h1")).isEqualTo(tellings);
    }

    @Test
    void aHostThatWasAwayIsToldWhenItRegistersNext() {
        register("h1", "h2");
        hosts.mood("h1", FakeHosts.Mood.DOWN);

        register("h3");

        assertThat(warnings()).singleElement().asString().contains("host=h1", "registers next");
        assertThat(hosts.peers("h2")).isEqualTo(list("h1", "h2", "h3"));
        assertThat(hosts.peers("h1")).isEqualTo(list("h1", "h2"));

        hosts.mood("h1", FakeHosts.Mood.WELL);
        register("h1");

        assertThat(hosts.peers("h1")).isEqualTo(list("h1", "h2", "h3"));
    }

    @Test
    void aHostThatIsForgottenIsNoPeerAfterTheNextRegistration() {
        register("h1", "h2");
        registry.forget("h2");

        register("h1");

        assertThat(hosts.peers("h1")).isEqualTo(list("h1"));
    }

    @Test
    void aHostThatOnlyTheConfigurationKnowsIsAPeerToo() {
        daemons.close();
        knows(List.of(address("h3")));

        register("h1");

        assertThat(hosts.peers("h1")).isEqualTo(list("h1", "h3"));
        assertThat(hosts.peers("h3")).isEqualTo(list("h1", "h3"));
    }

    @Test
    void hostsKnowEachOtherWhereTheySayWhereverTheBridgeReachesThem() {
        daemons.close();
        knows(List.of(new HostAddress("h1", "127.0.0.1", address("h2").port())));

        register("h1");

        assertThat(hosts.peers("h2")).as("by way of h2's port").isEqualTo(list("h1"));
    }

    @Test
    void aSplitmemdThatIsTooOldIsWarnedOfOnce() {
        hosts.knowsNoTelling("h1");

        register("h1", "h1", "h2", "h1");

        assertThat(warnings()).singleElement().asString().contains("host=h1", "too old");
        assertThat(hosts.peers("h2")).isEqualTo(list("h1", "h2"));
    }

    @Test
    void aHostThatHangsKeepsNobodyFromRegistering() {
        register("h1", "h2");
        hosts.mood("h1", FakeHosts.Mood.HANGS);

        List<CompletableFuture<Void>> rounds = new ArrayList<>();
        for (String name : List.of("h3", "h2", "h1")) {
            rounds.add(begin(name));
        }

        assertThat(registry.registered()).hasSize(3);
        assertThat(rounds.get(0)).isNotDone();
    }

    @Test
    void aHostThatNobodyCanCallAPeerIsLeftOut() {
        register("h1");
        registry.register(new RegisteredHost("h 2", "h2", "127.0.0.1", 1, 7780));

        register("h1", "h3");

        assertThat(hosts.peers("h3")).isEqualTo(list("h1", "h3"));
    }

    @Test
    void withoutTheDatabaseNobodyIsToldAnything() {
        register("h1", "h2");
        database.close();

        teller.registered("h1", true).join();
        teller.registered("h1", false).join();

        assertThat(hosts.peers("h1")).isEqualTo(list("h1", "h2"));
        assertThat(warnings()).hasSize(2);
    }
}
