package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;

/** What guests may take of a host, where the control API brings more of them there. */
class GuestRoomOverHttpTest {
    private static final UUID VM = TestVms.UUID_OF_VM;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private TestControl control;

    @BeforeEach
    void start() throws Exception {
        control = new TestControl(directory, Ports.free().getPort(), 30_000);
    }

    @AfterEach
    void end() throws IOException {
        control.close();
    }

    private static String incoming(long budget) {
        return "{\"vm\":\"" + VM + "\",\"name\":\"db1\",\"migration\":\"m1\",\"backendBytes\":[" + (64 << 20)
                + "],\"epoch\":2,\"budgetBytes\":" + budget + ",\"lenders\":[],\"source\":{\"host\":\"h2\","
                + "\"address\":\"127.0.0.1\",\"dataPort\":7780,\"token\":\"t\",\"reservedBytes\":0}}";
    }

    /** Whatever brings a VM here: a migration, or its start. */
    @Test
    void guestsTakeNoMoreOfTheHostThanTheirLimit() throws Exception {
        control.guestLimit = 48 << 20;
        String expected = "{\"name\":\"db1\",\"ramBytes\":" + (128 << 20) + ",\"budgetBytes\":" + (49 << 20)
                + ",\"subHosts\":[{\"host\":\"h2\"}]}";

        HttpResponse<String> refused = control.ask("POST", "/v1/incoming", incoming(49 << 20));

        assertThat(refused.statusCode()).isEqualTo(507);
        assertThat(refused.body()).contains("\"no-room\"", "guests may take 48.0 MiB", "VM db1 needs 49.0 MiB");
        assertThat(control.ask("POST", "/v1/vms/" + VM + "/split", expected).body())
                .contains("\"no-room\"");
        assertThat(control.vms().all()).isEmpty();

        assertThat(control.ask("POST", "/v1/incoming", incoming(32 << 20)).statusCode())
                .isEqualTo(204);
    }

    @Test
    void aVmIsGatheredOnlyWhereThereIsRoomForAllOfIt() throws Exception {
        control.guestLimit = 48 << 20;
        control.vms().prepare(TestVms.record("db1", VmRecord.Phase.PAGED, 64 << 20));
        control.vms().all().get(0).setBudget(32 << 20);

        HttpResponse<String> refused = control.ask("POST", "/v1/vms/db1/gather", "{}");

        assertThat(refused.statusCode()).isEqualTo(507);
        assertThat(refused.body()).contains("\"no-room\"", "memory.guest-limit");
        assertThat(control.vms().all().get(0).budgetPages()).isEqualTo((32 << 20) / 4096);
        control.guestLimit = 64 << 20;
        assertThat(control.ask("POST", "/v1/vms/db1/gather", "{\"bandwidthBytesPerSecond\":1000}")
                        .statusCode())
                .isEqualTo(202);
        assertThat(control.vms().all().get(0).budgetPages()).isEqualTo((64 << 20) / 4096);
        assertThat(control.vms().all().get(0).record().gatherRate()).isEqualTo(1000);
        assertThat(control.ask("POST", "/v1/vms/db1/gather", "{\"bandwidthBytesPerSecond\":0}")
                        .statusCode())
                .isEqualTo(400);
    }

    @Test
    void aBudgetAboveTheLimitOfGuestsIsRefused() throws Exception {
        control.guestLimit = 48 << 20;
        control.vms().prepare(TestVms.record("db1", VmRecord.Phase.PAGED, 64 << 20));

        HttpResponse<String> refused = control.ask("PUT", "/v1/vms/db1/budget", "{\"bytes\":" + (49 << 20) + "}");

        assertThat(refused.statusCode()).isEqualTo(507);
        assertThat(refused.body()).contains("memory.guest-limit");
        assertThat(control.ask("PUT", "/v1/vms/db1/budget", "{\"bytes\":" + (48 << 20) + "}")
                        .statusCode())
                .isEqualTo(200);
    }
}
