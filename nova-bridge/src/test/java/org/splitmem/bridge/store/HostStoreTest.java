package org.splitmem.bridge.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.store.HostStore.Entry;

class HostStoreTest {
    private static final RegisteredHost H1 = new RegisteredHost("h1", "h1.example.org", "10.78.0.1", 7779, 7780);

    private final Database database = new Database(
            "jdbc:h2:mem:" + UUID.randomUUID() + ";MODE=MariaDB;DATABASE_TO_LOWER=TRUE;DB_CLOSE_DELAY=-1", "", "", 4);
    private final HostStore hosts = new HostStore(database);

    @AfterEach
    void end() {
        database.close();
    }

    @Test
    void aHostThatRegistersAgainAsItWasIsSeenAgain() {
        assertThat(hosts.put(H1, 1000)).isTrue();
        assertThat(hosts.put(H1, 2000)).isFalse();

        assertThat(hosts.all()).containsExactly(new Entry(H1, 1000, 2000));
    }

    @Test
    void anotherAddressReplacesTheFormerOne() {
        hosts.put(H1, 1000);
        RegisteredHost moved = new RegisteredHost("h1", "h1.example.org", "10.78.0.9", 7779, 7780);

        assertThat(hosts.put(moved, 2000)).isTrue();

        assertThat(hosts.all()).containsExactly(new Entry(moved, 2000, 2000));
    }

    @Test
    void aHypervisorAndAnAddressBelongToTheHostThatRegisteredLast() {
        hosts.put(H1, 1000);
        RegisteredHost renamed = new RegisteredHost("compute1", "h1.example.org", "10.78.0.7", 7779, 7780);
        hosts.put(renamed, 2000);
        assertThat(hosts.all()).containsExactly(new Entry(renamed, 2000, 2000));

        RegisteredHost successor = new RegisteredHost("h5", "h5.example.org", "10.78.0.7", 7779, 7780);
        RegisteredHost otherPort = new RegisteredHost("h6", "h6.example.org", "10.78.0.7", 8779, 8780);
        hosts.put(successor, 3000);
        hosts.put(otherPort, 3000);

        assertThat(hosts.all()).extracting(Entry::host).containsExactly(successor, otherPort);
    }

    @Test
    void aHostThatIsGoneIsForgotten() {
        hosts.put(H1, 1000);

        assertThat(hosts.delete("h1")).isTrue();
        assertThat(hosts.delete("h1")).isFalse();
        assertThat(hosts.all()).isEmpty();
    }
}
