package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;

/** Whatever comes to the control API, on either of its sockets: it is refused or dropped, and the next caller is served. */
class BadRequestsTest {
    private static final long IDLE_MS = 1_500;
    private static final int LARGEST_BODY = 1 << 20;
    private static final String HALF_A_HEAD = "GET /v1/ho";
    private static final String HALF_A_BODY = TestControl.head("POST", "/v1/reservations", 100) + "{\"vm\":";

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private ServerSocket peer;
    private TestControl control;

    @BeforeEach
    void start() throws Exception {
        peer = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        control = new TestControl(directory, peer.getLocalPort(), IDLE_MS);
    }

    @AfterEach
    void theNextCallerIsServed() throws Exception {
        for (SocketAddress address : control.addresses()) {
            assertThat(TestControl.send(address, TestControl.head("GET", "/healthz", 0), false))
                    .startsWith("HTTP/1.1 200");
        }
        control.close();
        peer.close();
    }

    /** On a thread of its own: the server under test uses the common ones. */
    private static Future<String> sending(SocketAddress to, byte[] bytes, boolean thenClose) {
        FutureTask<String> task = new FutureTask<>(() -> {
            try {
                return TestControl.send(to, bytes, thenClose);
            } catch (IOException hungUp) { // while we were still sending
                return "";
            }
        });
        Thread thread = new Thread(task, "client");
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    /** What came back before it hung up; the limit is for a daemon that never does. */
    private static String answer(SocketAddress to, byte[] bytes, boolean thenClose) throws Exception {
        return sending(to, bytes, thenClose).get(15, TimeUnit.SECONDS);
    }

    private static String answer(SocketAddress to, String text, boolean thenClose) throws Exception {
        return answer(to, text.getBytes(StandardCharsets.US_ASCII), thenClose);
    }

    @Test
    void whatIsNotHttpIsRefused() throws Exception {
        byte[] noise = new byte[100_000];
        new Random(2026).nextBytes(noise);
        for (SocketAddress address : control.addresses()) {
            assertThat(answer(address, noise, false)).doesNotContain("200 OK");
            assertThat(answer(address, "HELLO\r\n\r\n", false)).startsWith("HTTP/1.1 400");
        }
    }

    /** Of one that ends in its head the server may see the end together with the rest, and then says so. */
    @Test
    void aRequestThatIsCutOffIsRefused() throws Exception {
        for (SocketAddress address : control.addresses()) {
            assertThat(answer(address, HALF_A_HEAD, true))
                    .satisfiesAnyOf(
                            nothing -> assertThat(nothing).isEmpty(),
                            refusal -> assertThat(refusal).startsWith("HTTP/1.1 400"));
            assertThat(answer(address, HALF_A_BODY, true))
                    .startsWith("HTTP/1.1 502")
                    .contains("\"code\":\"failed\"");
        }
    }

    /** Whoever stops in the middle of a request must not keep a connection, nor a thread. */
    @Test
    void aRequestThatNeverComesWholeIsDropped() throws Exception {
        for (SocketAddress address : control.addresses()) {
            assertThat(answer(address, HALF_A_HEAD, false)).isEmpty();
            assertThat(answer(address, HALF_A_BODY, false)).startsWith("HTTP/1.1 502");
        }
    }

    /** A byte now and then, so that it is never idle for long: the time for a body is one for all of it. */
    @Test
    void aBodyThatDripsIsDroppedAllTheSame() throws Exception {
        for (SocketAddress address : control.addresses()) {
            try (SocketChannel channel = SocketChannel.open(address)) {
                channel.write(ByteBuffer.wrap(
                        TestControl.head("POST", "/v1/reservations", 100_000).getBytes(StandardCharsets.US_ASCII)));
                long start = System.nanoTime();
                boolean takes = true;
                while (takes && System.nanoTime() - start < TimeUnit.SECONDS.toNanos(30)) {
                    try {
                        channel.write(ByteBuffer.wrap(new byte[] {' '}));
                        TimeUnit.MILLISECONDS.sleep(IDLE_MS / 10);
                    } catch (IOException e) {
                        takes = false; // it has hung up
                    }
                }

                assertThat(takes).as("dripped for ever").isFalse();
            }
        }
    }

    @Test
    void aCallThatTakesLongerThanAnIdlePeerMayIsAnswered() throws Exception {
        for (SocketAddress address : control.addresses()) {
            Future<String> hosts = sending(
                    address, TestControl.head("GET", "/v1/hosts", 0).getBytes(StandardCharsets.US_ASCII), false);
            try (Socket asked = peer.accept()) { // which the answer has to wait for
                assertThat(answer(address, HALF_A_HEAD, false))
                        .as("idle for too long")
                        .isEmpty();
                asked.getOutputStream()
                        .write("HTTP/1.1 503 Away\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                                .getBytes(StandardCharsets.US_ASCII));
                assertThat(hosts.get(15, TimeUnit.SECONDS))
                        .startsWith("HTTP/1.1 200")
                        .contains("\"name\":\"h2\"")
                        .contains("\"reachable\":false");
            }
        }
    }

    @Test
    void aBodyThatIsTooLargeIsRefusedOnEitherSocket() throws Exception {
        String body = "x".repeat(LARGEST_BODY + 1);
        for (SocketAddress address : control.addresses()) {
            String request = TestControl.head("POST", "/v1/reservations", body.length()) + body;

            assertThat(answer(address, request, false))
                    .startsWith("HTTP/1.1 413")
                    .contains("body-too-large");
        }
    }

    @Test
    void noiseAsABodyIsRefusedOnEitherSocket() throws Exception {
        for (SocketAddress address : control.addresses()) {
            for (String body : new String[] {"", "{\"vm\":", "\0\1\2", "[1]", "null", "{\"what\":1}"}) {
                for (String path : new String[] {"/v1/reservations", "/v1/incoming"}) {
                    assertThat(answer(address, TestControl.head("POST", path, body.length()) + body, false))
                            .as(path + " " + body)
                            .startsWith("HTTP/1.1 400");
                }
            }
        }
    }

    @Test
    void aVmThatIsExpectedIsCancelledWithItsTokenOnly() throws Exception {
        SocketAddress unix = control.addresses().get(0);
        String lender = "{\"host\":\"h2\",\"address\":\"127.0.0.1\",\"dataPort\":7780,\"token\":\"right\","
                + "\"reservedBytes\":1048576}";
        String body = "{\"vm\":\"" + TestVms.UUID_OF_VM + "\",\"name\":\"db1\",\"migration\":\"m1\",\"backendBytes\":"
                + "[1048576],\"epoch\":2,\"budgetBytes\":1048576,\"lenders\":[],\"source\":" + lender + "}";
        assertThat(answer(unix, TestControl.head("POST", "/v1/incoming", body.length()) + body, false))
                .startsWith("HTTP/1.1 204");
        String path = "/v1/incoming/" + TestVms.UUID_OF_VM + "?token=";

        answer(unix, TestControl.head("DELETE", path + "wrong", 0), false);

        assertThat(control.vms().find(TestVms.UUID_OF_VM)).isNotNull();
        answer(unix, TestControl.head("DELETE", path + "right", 0), false);
        assertThat(control.vms().find(TestVms.UUID_OF_VM)).isNull();
    }
}
