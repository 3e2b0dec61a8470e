package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.memory.shim.Qemu;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Json;
import org.splitmem.model.VmInfo;

/** VMs are named by others: whatever a name consists of, the VM is found by it, and by nothing else. */
class StrangeNamesTest {
    private static final UUID OTHER = UUID.fromString("6d1f0000-0000-4000-8000-000000000002");

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private TestControl control;

    @BeforeEach
    void start() throws Exception {
        control = new TestControl(directory, Ports.free().getPort(), 30_000);
    }

    @AfterEach
    void end() throws Exception {
        control.close();
    }

    static Stream<String> names() {
        return Stream.of(
                "win 11",
                "100%",
                "a%2Fb",
                "db#1",
                "who?",
                "a;b=c",
                "a+b&c",
                "..",
                ".",
                "../../v1/host",
                "a/b",
                "a\\b",
                "two\nlines",
                "\u001b[31mred",
                "a,b,,c=d",
                "\"quoted\"",
                "数据库🐘",
                "x".repeat(200),
                "split",
                OTHER.toString(),
                "1-2-3-4-5");
    }

    /** Each byte as %xx, as the hook does it. */
    static String encoded(String name) {
        StringBuilder text = new StringBuilder();
        for (byte one : name.getBytes(StandardCharsets.UTF_8)) {
            text.append(String.format("%%%02X", one & 0xff));
        }
        return text.toString();
    }

    private String askLocally(String method, String path, String body) throws Exception {
        SocketAddress unix = control.addresses().get(0);
        return TestControl.send(unix, TestControl.head(method, path, body.length()) + body, false);
    }

    private void prepare(UUID uuid, String name) throws Exception {
        VmRecord like = TestVms.record(name, VmRecord.Phase.PAGED, 64 << 20);
        control.vms().prepare(TestVms.withUuid(like, uuid));
    }

    @ParameterizedTest
    @MethodSource("names")
    void aVmIsFoundByItsName(String name) throws Exception {
        prepare(TestVms.UUID_OF_VM, name);
        String path = "/v1/vms/" + encoded(name);

        String overTcp = control.ask("GET", path, "").body();

        assertThat(Json.read(overTcp, VmInfo.class).name()).isEqualTo(name);
        assertThat(askLocally("GET", path, "")).startsWith("HTTP/1.1 200");
        assertThat(askLocally("PUT", path + "/budget", "{\"bytes\":33554432}")).startsWith("HTTP/1.1 200");
        assertThat(askLocally("DELETE", path + "/split", "")).contains("not-expected");
        assertThat(askLocally("POST", path + "/migrations", "{\"destination\":\"h2\"}"))
                .contains("vm-not-attached");
    }

    @ParameterizedTest
    @MethodSource("names")
    void aNameIsOneLabelOfTheMetrics(String name) throws Exception {
        prepare(TestVms.UUID_OF_VM, name);

        String metrics = control.ask("GET", "/metrics", "").body();

        String label = name.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
        assertThat(metrics)
                .contains("splitmem_vm_ram_bytes{name=\"" + label + "\",vm=\"" + TestVms.UUID_OF_VM
                        + "\"} 6.7108864E7\n");
    }

    @Test
    void aVmThatGetsAnotherNameOnItsWayHasOneSeriesOfMetrics() throws Exception {
        VmRecord like = TestVms.record("db1", VmRecord.Phase.INCOMING, 1 << 20);
        control.vms().prepare(TestVms.withBackends(like, 1 << 20, 1 << 20));
        assertThat(control.ask("GET", "/metrics", "").body()).contains("{name=\"db1\",vm=");

        control.vms().open(new Qemu(TestVms.UUID_OF_VM, "db2", 1), 0).file().close();

        assertThat(control.ask("GET", "/metrics", "").body())
                .contains("{name=\"db2\",vm=")
                .doesNotContain("db1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v1/vms/%zz", "/v1/vms/a%", "/v1/vms/%2"})
    void whatIsNoEncodingIsRefused(String path) throws Exception {
        assertThat(askLocally("GET", path, "")).startsWith("HTTP/1.1 400");
    }

    @Test
    void anIdThatIsNotKnownIsAnsweredAsSuchWhateverItConsistsOf() throws Exception {
        for (String method : new String[] {"GET", "DELETE"}) {
            assertThat(askLocally(method, "/v1/migrations/" + encoded("../vms"), ""))
                    .contains("migration-not-found");
        }
        assertThat(askLocally("DELETE", "/v1/reservations/" + encoded("../x") + "?token=t", ""))
                .contains("invalid-uuid");
    }

    /** What asks by a uuid means that VM, and never another one whose name looks like it. */
    @Test
    void aUuidIsThatOfAVmBeforeItIsAName() throws Exception {
        for (int i = 0; i < 16; i++) { // the order in which they are known is that of their hashes
            UUID uuid = UUID.randomUUID();
            prepare(uuid, "vm" + i);
            prepare(UUID.randomUUID(), uuid.toString());

            String found = control.ask("GET", "/v1/vms/" + uuid, "").body();

            assertThat(Json.read(found, VmInfo.class).uuid()).isEqualTo(uuid.toString());
        }
    }

    @Test
    void aUuidMayBeInCapitals() throws Exception {
        prepare(OTHER, "db2");

        assertThat(askLocally("GET", "/v1/vms/" + OTHER.toString().toUpperCase(Locale.ROOT), ""))
                .startsWith("HTTP/1.1 200");
    }
}
