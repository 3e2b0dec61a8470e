package org.splitmem.bridge.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.bridge.http.ServiceException.Kind;

/** Answers that are not even HTTP, or that never end. */
class CallerTest {
    private static final int LONGEST = 1000;

    /** Answers one request with these bytes, and the last part of them again and again if that is to be. */
    private static ServiceException failure(String head, String body, int times) throws IOException {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread thread = new Thread(() -> serve(server, head, body, times), "odd service");
            thread.start();
            Caller caller = new Caller("Odd", Duration.ofSeconds(20), Map.of(), LONGEST);
            URI uri = URI.create("http://127.0.0.1:" + server.getLocalPort() + "/x");
            return catchThrowableOfType(
                    ServiceException.class,
                    () -> caller.send("POST", uri, Map.of(), null).orThrow().json());
        }
    }

    private static void serve(ServerSocket server, String head, String body, int times) {
        try (Socket socket = server.accept()) {
            BufferedReader request =
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
            for (String line = request.readLine(); line != null && !line.isEmpty(); line = request.readLine()) {
                Thread.onSpinWait(); // nothing in it matters
            }
            socket.getOutputStream().write(head.getBytes(StandardCharsets.ISO_8859_1));
            for (int i = 0; i < times; i++) {
                socket.getOutputStream().write(body.getBytes(StandardCharsets.ISO_8859_1));
            }
        } catch (IOException e) {
            System.err.println("the client has hung up, as it may: " + e.getMessage());
        }
    }

    @Test
    void anAnswerThatIsTooLongIsNotReadToItsEnd() throws Exception {
        ServiceException e = failure("HTTP/1.1 200 OK\r\n\r\n", " ".repeat(100_000), 100_000);

        assertThat(e.kind()).isEqualTo(Kind.MALFORMED);
        assertThat(e).hasMessage("Odd POST /x: the answer is too long: more than 1000 B");
    }

    @Test
    void theLongestAnswerIsRead() throws Exception {
        assertThat(failure("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "1234567890", 100))
                .hasMessageContaining("not a JSON object: 12345");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "HTTP/1.1 200 OK~Content-Length: many~~{}      | MALFORMED",
                "HTTP/1.1 200 OK~Content-Length: -5~~{}        | TRUNCATED",
                "HTTP/1.1 OK~~{}                               | TRUNCATED",
                "HTTP/1.1 999 Odd~Content-Length: 2~~{}        | SERVER_ERROR",
                "HTTP/1.1 101 Switching Protocols~~{}          | TRUNCATED",
                "HTTP/1.1 200 OK~Content-Type                  | TRUNCATED",
                "220 smtp.example.org ESMTP~                   | TRUNCATED",
                "HTTP/1.1 200 OK~Transfer-Encoding: chunked~~zz~{}~ | TRUNCATED",
            })
    void whatIsNotHttpIsAnErrorAndNoBug(String answer, Kind kind) throws Exception {
        ServiceException e = failure(answer.replace("~", "\r\n"), "", 0);

        assertThat(e).hasMessageStartingWith("Odd POST /x: ");
        assertThat(e.kind()).as(e.text()).isEqualTo(kind);
    }
}
