package org.splitmem.bridge.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.daemon.HostAddress;
import org.splitmem.bridge.gate.AddressRange;
import org.splitmem.bridge.store.Database;
import org.splitmem.bridge.store.HostStore;
import org.splitmem.bridge.store.RegisteredHost;
import org.splitmem.bridge.store.StoreException;

class HostRegistryTest {
    private static final RegisteredHost H1 = new RegisteredHost("h1", "h1.example.org", "10.78.0.1", 7779, 7780);

    private final Database database = new Database(
            "jdbc:h2:mem:" + UUID.randomUUID() + ";MODE=MariaDB;DATABASE_TO_LOWER=TRUE;DB_CLOSE_DELAY=-1", "", "", 4);

    @AfterEach
    void end() {
        database.close();
    }

    private HostRegistry registry(List<HostAddress> configured, String... networks) {
        List<AddressRange> ranges =
                List.of(networks).stream().map(AddressRange::parse).toList();
        return new HostRegistry(configured, ranges, new HostStore(database), Clock.systemUTC());
    }

    @Test
    void theConfigurationSaysWhereAHostIsAndTheHostWhichHypervisorItIs() {
        HostAddress lender = new HostAddress("lender", "10.0.0.7", 7779);
        HostAddress elsewhere = new HostAddress("h1", "192.0.2.1", 9999);
        HostRegistry registry = registry(List.of(lender, elsewhere));

        registry.register(H1);

        assertThat(registry.hosts()).containsExactly(elsewhere, lender);
        assertThat(registry.find("h1")).contains(elsewhere);
        assertThat(registry.byProvider()).isEqualTo(Map.of("h1.example.org", "h1"));
    }

    @Test
    void hostsAreInTheNetworksOfTheConfiguration() {
        HostRegistry registry = registry(List.of(), "10.78.0.0/24", "fd00::/8");

        assertThat(registry.register(H1)).isTrue();
        assertThat(registry.register(new RegisteredHost("h2", "h2", "fd00::2", 7779, 7780)))
                .isTrue();
        for (String address : List.of("10.79.0.1", "192.0.2.1", "2001:db8::1", "127.0.0.1")) {
            assertThatThrownBy(() -> registry.register(new RegisteredHost("h3", "h3", address, 7779, 7780)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("hosts.networks");
        }
        assertThat(registry.hosts()).extracting(HostAddress::name).containsExactly("h1", "h2");
    }

    @Test
    void whileTheDatabaseIsAwayHostsAreWhereTheyWere() {
        HostRegistry registry = registry(List.of());
        registry.register(H1);
        assertThat(registry.hosts()).hasSize(1);
        database.close();

        assertThat(registry.hosts()).containsExactly(new HostAddress("h1", "10.78.0.1", 7779));
        assertThat(registry.find("h1")).isPresent();
        assertThat(registry.find("h2")).isEmpty();
        assertThatThrownBy(() -> registry.register(H1)).isInstanceOf(StoreException.class);
    }
}
