package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.http.HttpResponse;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationInfo;

/** Who is said to have ended a migration. */
class AbortReasonTest {
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

    /** Who aborted nobody said: it need not have been an operator. */
    @Test
    void anAbortWithoutAReasonIsNotSaidToBeTheOperators() throws Exception {
        try (FakeShim shim = new FakeShim(VM)) {
            control.vms().prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 64 << 20));
            control.vms().ready(shim.session());

            String path = abortedWhileItsDestinationHangs();

            Await.until("it is over", () -> info(path).phase().isOver());
            assertThat(info(path).reason()).isEqualTo("aborted by a request to splitmemd's API");
        }
    }

    /** @return the path of the migration, which has been told to end and whose destination is gone now */
    private String abortedWhileItsDestinationHangs() throws Exception {
        try (ServerSocket hangs = new ServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
            String peers = "{\"peers\":[{\"name\":\"h5\",\"address\":\"127.0.0.1\",\"controlPort\":"
                    + hangs.getLocalPort() + "}]}";
            assertThat(control.ask("PUT", "/v1/peers", peers).statusCode()).isEqualTo(204);
            HttpResponse<String> begun = control.ask("POST", "/v1/vms/db1/migrations", "{\"destination\":\"h5\"}");
            assertThat(begun.statusCode()).as(begun.body()).isEqualTo(202);
            String path = "/v1/migrations/"
                    + Json.read(begun.body(), MigrationInfo.class).id();
            assertThat(control.ask("DELETE", path, "").statusCode()).isEqualTo(200);
            return path;
        }
    }

    private MigrationInfo info(String path) {
        try {
            return Json.read(control.ask("GET", path, "").body(), MigrationInfo.class);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
