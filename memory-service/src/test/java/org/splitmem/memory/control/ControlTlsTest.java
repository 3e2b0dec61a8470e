package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.migration.PeerDirectory;
import org.splitmem.memory.migration.UnreachableException;
import org.splitmem.memory.net.Security;
import org.splitmem.memory.net.Transport;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.model.PeerAddress;

/** The control port over TLS: a class that has certificates is all that it takes. */
@Timeout(60)
class ControlTlsTest {
    private static final String PASSWORD = "changeit";

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @AfterEach
    void end() {
        Transport.use(Security.NONE);
    }

    private record Tls(@Nullable SSLContext control) implements Security {
        @Override
        public void connected(StreamSocket socket, String host) {}

        @Override
        public void accepted(StreamSocket socket) {}
    }

    /** Of a host that shows its certificate, or of one that has none and trusts that. */
    private SSLContext context(boolean hasOwn) throws Exception {
        Path file = directory.resolve("host.p12");
        if (!Files.exists(file)) {
            String keytool =
                    Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
            Process made = new ProcessBuilder(
                            keytool,
                            "-genkeypair",
                            "-alias",
                            "host",
                            "-keyalg",
                            "EC",
                            "-dname",
                            "CN=h1",
                            "-ext",
                            "SAN=ip:127.0.0.1",
                            "-storetype",
                            "PKCS12",
                            "-storepass",
                            PASSWORD,
                            "-keystore",
                            file.toString())
                    .redirectErrorStream(true)
                    .start();
            String said = new String(made.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(made.waitFor()).as(said).isZero();
        }
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(file)) {
            store.load(in, PASSWORD.toCharArray());
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, PASSWORD.toCharArray());
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("host", store.getCertificate("host"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(hasOwn ? keys.getKeyManagers() : null, trust.getTrustManagers(), null);
        return context;
    }

    private HttpPeers peersOf(TestControl h1) {
        PeerAddress address = new PeerAddress("h1", "127.0.0.1", h1.config().controlPort());
        return new HttpPeers(
                new PeerDirectory(
                        new PeerAddress("h2", "127.0.0.1", 7799),
                        List.of(address),
                        directory.resolve("peers-of-h2.json")),
                7780,
                TestControl.KEY);
    }

    private static boolean answers(HttpPeers peers) throws IOException {
        try {
            return peers.info("h1").name().equals("h1");
        } catch (UnreachableException e) {
            return false;
        }
    }

    @Test
    void hostsAskEachOtherOverTlsAndOnlyThoseThatHaveACertificate() throws Exception {
        Transport.use(new Tls(context(true)));
        try (TestControl h1 = new TestControl(directory, Ports.free().getPort(), 5_000)) {
            HttpPeers peers = peersOf(h1);
            Await.until("h1 answers", () -> answers(peers)); // the first TLS of a JVM takes its time

            assertThatThrownBy(() -> h1.ask("GET", "/v1/host", "")).as("plain").isInstanceOf(IOException.class);

            Transport.use(new Tls(context(false)));
            HttpPeers stranger = peersOf(h1);
            assertThatThrownBy(() -> stranger.info("h1"))
                    .as("the key alone is not enough")
                    .isInstanceOf(IOException.class);
        }
    }
}
