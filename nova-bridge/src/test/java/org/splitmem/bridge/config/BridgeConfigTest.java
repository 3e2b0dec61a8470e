package org.splitmem.bridge.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.bridge.daemon.HostAddress;
import org.splitmem.bridge.gate.AddressRange;
import org.splitmem.bridge.gate.Limits;
import org.splitmem.model.config.ConfigException;

class BridgeConfigTest {
    /** The annotated sample that users start from. */
    private static final Path SAMPLE = Path.of("..", "conf", "nova-bridge.conf");

    @TempDir
    Path directory;

    @Test
    void anEmptyFileGivesTheDefaults() throws ConfigException {
        BridgeConfig config = BridgeConfig.parse(List.of());

        assertThat(config.http().port()).isEqualTo(8790);
        assertThat(config.hosts()).isEmpty();
        assertThat(config.http().adminPort()).isNull();
        assertThat(config.http().proxies()).isEmpty();
        assertThat(config.http().limits()).isEqualTo(Limits.DEFAULT);
        assertThat(config.policyFile()).isEmpty();
        assertThat(config.rhythm().reconcile()).isEqualTo(Duration.ofSeconds(30));
        assertThat(config.events().keep()).isEqualTo(Duration.ofDays(30));
        assertThat(config.endpoints()).isEmpty();
    }

    @Test
    void theSampleIsAValidConfiguration() throws IOException, ConfigException {
        assertThat(BridgeConfig.parse(Files.readAllLines(SAMPLE)).hosts()).isEmpty();
    }

    @Test
    void everyKeyThatTheSampleShowsAsDefaultIsKnownAndIsTheDefault() throws IOException, ConfigException {
        List<String> shown = Files.readAllLines(SAMPLE).stream()
                .filter(line -> line.matches("# [a-z][a-z.-]* =.*"))
                .map(line -> line.substring(2))
                .filter(line -> !line.startsWith("bridge.name"))
                .toList();

        assertThat(shown).isNotEmpty();
        assertThat(BridgeConfig.parse(shown)).isEqualTo(BridgeConfig.parse(List.of()));
    }

    @Test
    void everyKeyStandsInTheSample() throws IOException, ConfigException {
        String sample = Files.readString(SAMPLE);

        assertThat(BridgeConfig.parse(List.of()).effective().keySet())
                .allSatisfy(key -> assertThat(sample).contains(key + " ="));
    }

    @Test
    void whatNovaIsAskedCanBeSet() throws ConfigException {
        BridgeConfig config = BridgeConfig.parse(List.of(
                "nova.url = http://n:8774/v2.1/",
                "nova.timeout-ms = 5000",
                "nova.limit-tenants-to-aggregates = true",
                "nova.default-availability-zone = somewhere"));

        assertThat(config.nova())
                .isEqualTo(new BridgeConfig.Nova("http://n:8774/v2.1", Duration.ofSeconds(5), true, "somewhere"));
        assertThat(config.endpoints()).containsEntry("compute", java.net.URI.create("http://n:8774/v2.1"));
    }

    @Test
    void hostsAndUrls() throws ConfigException {
        BridgeConfig config = BridgeConfig.parse(List.of(
                "hosts = h1@10.0.0.1, h2@10.0.0.2:9000, h3@fd00::3",
                "hosts.networks = 10.0.0.0/24, fd00::/8",
                "placement.url = http://p:8778/",
                "keystone.url = http://k:5000/v3/"));

        assertThat(config.hosts())
                .containsExactly(
                        new HostAddress("h1", "10.0.0.1", 7779),
                        new HostAddress("h2", "10.0.0.2", 9000),
                        new HostAddress("h3", "fd00::3", 7779));
        assertThat(config.hostNetworks())
                .containsExactly(AddressRange.parse("10.0.0.0/24"), AddressRange.parse("fd00::/8"));
        assertThat(config.endpoints()).isEqualTo(Map.of("placement", URI.create("http://p:8778")));
        assertThat(config.keystone().url()).isEqualTo("http://k:5000");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "http.port = 0              | http.port = 0            | from 1 to 65535",
                "hosts = h1                 | hosts = h1               | NAME@ADDRESS",
                "hosts = h1@a:99999         | hosts = h1@a:99999       | NAME@ADDRESS",
                "'hosts = h1@a, h1@b'       | hosts = h1@b             | each name stands once",
                "keystone.url = k:5000      | keystone.url = k:5000    | http://controller:5000",
                "nova.limit-tenants-to-aggregates = yes | nova.limit-tenants-to-aggregates = yes | true or false",
                "keystone.interface = inner | keystone.interface       | internal",
                "log.level = loud           | log.level = loud         | one of",
                "kafka.mode = text          | kafka.mode = text        | binary or structured",
                "events.keep-days = 0       | events.keep-days = 0     | from 1 to 3650",
                "policy.read-roles = x      | policy.read-roles        | policy.file",
                "kafka.spool-directory = /x | kafka.spool-directory    | in the database",
                "kafka.max-waiting = 10     | kafka.max-waiting = 10   | from 1000 to 10000000",
                "http.proxies = proxy1      | http.proxies = proxy1    | addresses",
                "http.proxies = 10.0.0.0/33 | http.proxies             | addresses",
                "database.connections = 16  | database.connections     | more than http.tenant-threads, which is 16",
                "colour = red               | unknown key colour       | http.port",
            })
    void aWrongSettingIsNamed(String line, String what, String allowed) {
        assertThatThrownBy(() -> BridgeConfig.parse(List.of(line)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(what)
                .hasMessageContaining(allowed);
    }

    @Test
    void aPolicyThatIsWrongIsRefusedByItsRule() throws Exception {
        Path file = Files.writeString(directory.resolve("policy.yaml"), "\"splitmem:vms:list\": \"roll:admin\"\n");

        assertThatThrownBy(() ->
                        BridgeConfig.parse(List.of("policy.file = " + file)).policyFile())
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("policy.yaml")
                .hasMessageContaining("splitmem:vms:list")
                .hasMessageContaining("roll");
    }

    @Test
    void secretsAreReadFromTheirFilesAndShownNowhere() throws Exception {
        Path password = Files.writeString(directory.resolve("password"), "s3cret\n");
        BridgeConfig config = BridgeConfig.parse(List.of("keystone.password-file = " + password));

        assertThat(config.keystoneWithPassword().password()).isEqualTo("s3cret");
        assertThat(config.toString()).doesNotContain("s3cret");
        assertThatThrownBy(config::clusterKey).hasMessageContaining("/etc/splitmem/cluster.key cannot be read");
    }
}
