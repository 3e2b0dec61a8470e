package org.splitmem.memory.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.config.ConfigException;

class DaemonConfigTest {
    /** The annotated sample that users start from. */
    private static final Path SAMPLE = Path.of("..", "conf", "splitmem.conf");

    @Test
    void anEmptyFileGivesTheDefaults() throws ConfigException {
        DaemonConfig config = DaemonConfig.parse(List.of());

        assertThat(config.controlAddress()).isEmpty();
        assertThat(config.controlPort()).isEqualTo(7779);
        assertThat(config.dataPort()).isEqualTo(7780);
        assertThat(config.memoryDirectory()).isEqualTo(Path.of("/var/lib/splitmem/mem"));
        assertThat(config.lendLimitBytes()).isZero();
        assertThat(config.shimUsers()).containsExactly("root", "libvirt-qemu");
        assertThat(config.peers()).isEmpty();
        assertThat(config.tuning().streams()).isEqualTo(4);
    }

    @Test
    void theSampleIsAValidConfiguration() throws IOException, ConfigException {
        DaemonConfig config = DaemonConfig.parse(Files.readAllLines(SAMPLE));

        assertThat(config.peers()).isNotEmpty();
    }

    @Test
    void everyKeyThatTheSampleShowsAsDefaultIsKnownAndIsTheDefault() throws IOException, ConfigException {
        List<String> shown = Files.readAllLines(SAMPLE).stream()
                .filter(line -> line.matches("# [a-z][a-z.-]* = .*"))
                .map(line -> line.substring(2))
                .filter(line -> !line.startsWith("host.name"))
                .toList();

        DaemonConfig config = DaemonConfig.parse(shown);

        DaemonConfig defaults = DaemonConfig.parse(List.of());
        assertThat(shown).isNotEmpty();
        assertThat(config).isEqualTo(defaults);
    }

    @Test
    void everyKeyOfTheDaemonStandsInTheSample() throws IOException, ConfigException {
        String sample = Files.readString(SAMPLE);

        assertThat(DaemonConfig.parse(List.of()).effective().keySet())
                .allSatisfy(key -> assertThat(sample).contains(key + " ="));
    }

    @Test
    void peersAreNamesAndAddressesAndThisHostIsLeftOut() throws ConfigException {
        DaemonConfig config =
                DaemonConfig.parse(List.of("host.name = h1", "peers = h1@10.0.0.1, h2@10.0.0.2:9000, h3@fd00::3"));

        assertThat(config.peers())
                .containsExactly(new PeerAddress("h2", "10.0.0.2", 9000), new PeerAddress("h3", "fd00::3", 7779));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "memory.lend-limit = lots      | memory.lend-limit = lots | a size such as 512MiB",
                "host.name = two words         | host.name                | not the name of a host: two words",
                "data.port = 0                 | data.port = 0            | from 1 to 65535",
                "data.port = seven             | data.port = seven        | from 1 to 65535",
                "migration.bandwidth = 5       | migration.bandwidth = 5  | a rate such as 1Gbit",
                "log.level = loud              | log.level = loud         | one of",
                "peers = h2                    | peers = h2               | NAME@ADDRESS",
                "peers = h2@a, h2@b            | peers: each name         | h2@b",
                "peers = h2@10.0.0.1/8         | peers = h2@10.0.0.1/8    | not the address of a host",
                "peers = h2@10.0.0.1:70000     | peers = h2@10.0.0.1:70000| from 1 to 65535",
                "memory.directory = mem        | memory.directory = mem   | an absolute path",
                "working-set.cold-age = 9      | working-set.cold-age = 9 | from 1 to 7",
            })
    void aBadValueIsRefusedByKeyValueAndWhatIsAllowed(String line, String named, String allowed) {
        assertThatThrownBy(() -> DaemonConfig.parse(List.of(line.strip())))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(named.strip())
                .hasMessageContaining(allowed.strip());
    }

    @Test
    void anUnknownKeyIsRefused() {
        assertThatThrownBy(() -> DaemonConfig.parse(List.of("memory.lendlimit = 1GiB")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("unknown key memory.lendlimit")
                .hasMessageContaining("memory.lend-limit");
    }

    @Test
    void aKeyThatIsSetTwiceIsRefusedWithItsLine() {
        assertThatThrownBy(() -> DaemonConfig.parse(List.of("data.port = 1", "", "data.port = 2")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("line 3")
                .hasMessageContaining("data.port");
    }

    @Test
    void aLineWithoutAnEqualsSignIsRefused() {
        assertThatThrownBy(() -> DaemonConfig.parse(List.of("data.port 1")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("line 1");
    }

    @Test
    void aClusterKeyThatIsTooShortIsRefused() throws IOException, ConfigException {
        Path key = Files.createTempFile("cluster", ".key");
        try {
            Files.writeString(key, "short\n");
            DaemonConfig config = DaemonConfig.parse(List.of("cluster.key-file = " + key));

            assertThatThrownBy(config::clusterKey)
                    .isInstanceOf(ConfigException.class)
                    .hasMessageContaining("at least 32 characters");
        } finally {
            Files.delete(key);
        }
    }
}
