package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;

class PeerDirectoryTest {
    private static final PeerAddress SELF = new PeerAddress("h1", "10.1.0.1", 7799);
    private static final PeerAddress H1 = new PeerAddress("h1", "10.0.0.1", 7779);
    private static final PeerAddress H2 = new PeerAddress("h2", "10.0.0.2", 7779);
    private static final PeerAddress H3 = new PeerAddress("h3", "fd00::3", 7779);

    @TempDir
    private Path state;

    private Path file;

    @BeforeEach
    void name() {
        file = state.resolve("peers.json");
    }

    private PeerDirectory directory(PeerAddress... configured) {
        return new PeerDirectory(SELF, List.of(configured), file);
    }

    private static PeerList list(PeerAddress... peers) {
        return new PeerList(List.of(peers));
    }

    @Test
    void theToldHostsArePeersAndThisOneIsNot() throws Exception {
        PeerDirectory directory = directory();

        directory.tell(list(H3, H1, H2));

        assertThat(directory.all()).containsExactly(H2, H3);
        assertThat(directory.told().peers()).containsExactly(H1, H2, H3);
        assertThat(directory.find("h3")).isEqualTo(H3);
        assertThat(directory.find("h1"))
                .as("as its own configuration says, not as nova-bridge told")
                .isEqualTo(SELF);
    }

    @Test
    void aHostThatIsToldOfNoLongerIsNoPeer() throws Exception {
        PeerDirectory directory = directory();
        directory.tell(list(H2, H3));

        directory.tell(list(H2));

        assertThat(directory.all()).containsExactly(H2);
        assertThatThrownBy(() -> directory.find("h3")).hasMessageContaining("known: h2");
    }

    @Test
    void theConfigurationCounts() throws Exception {
        PeerAddress elsewhere = new PeerAddress("h2", "192.0.2.2", 9000);
        PeerDirectory directory = directory(elsewhere);

        directory.tell(list(H2, H3));

        assertThat(directory.all()).containsExactly(elsewhere, H3);
        directory.tell(list());
        assertThat(directory.all()).containsExactly(elsewhere);
    }

    @Test
    void theNextDaemonKnowsThemToo() {
        directory().tell(list(H1, H2));

        PeerDirectory next = directory(H3);

        assertThat(next.all()).containsExactly(H2, H3);
        assertThat(next.told()).isEqualTo(list(H1, H2));
    }

    @Test
    void aDamagedFileIsAsGoodAsNone() throws Exception {
        directory().tell(list(H1, H2));
        for (String damaged : List.of(
                "", "{\"peers\":[{\"name\"", "{\"peers\":[{\"name\":\"h2\",\"address\":\"a b\",\"controlPort\":1}]}")) {
            Files.writeString(file, damaged);

            PeerDirectory next = directory(H3);

            assertThat(next.all()).as(damaged).containsExactly(H3);
            next.tell(list(H2));
            assertThat(directory().all()).containsExactly(H2);
        }
    }

    @Test
    void withoutADiskTheyAreKnownAllTheSame() throws Exception {
        PeerDirectory directory = new PeerDirectory(SELF, List.of(), state.resolve("gone/peers.json"));

        directory.tell(list(H2));

        assertThat(directory.find("h2")).isEqualTo(H2);
    }

    @Test
    void whatIsTheSameIsNotWrittenAgain() throws Exception {
        PeerDirectory directory = directory();
        directory.tell(list(H2, H3));
        Files.delete(file);

        directory.tell(list(H3, H2));

        assertThat(file).doesNotExist();
    }
}
