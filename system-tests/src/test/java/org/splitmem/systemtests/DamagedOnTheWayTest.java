package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;
import static org.splitmem.systemtests.FrameDamage.ANY;
import static org.splitmem.systemtests.FrameDamage.BACK;
import static org.splitmem.systemtests.FrameDamage.HEAD;
import static org.splitmem.systemtests.FrameDamage.OUT;
import static org.splitmem.systemtests.FrameDamage.PAGE;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.VmState;

/**
 * A relay between the hosts flips bits in what they send each other, or lets it vanish: the guest never reads a wrong byte, and no page that
 * any host has is lost. What is damaged follows from a seed, which is printed; {@code -Dtest.seed=N} sets it.
 */
@SystemTest
final class DamagedOnTheWayTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    /** What libvirt sends goes by the host's own address: the relay is for the daemons. */
    private static final String[] SPLIT = {
        "--budget", "128MiB", "--sub-host", "h3", "--libvirt-uri", Cluster.libvirtUri("h2")
    };

    private static final List<String> HEADERS_OF_PAGING =
            List.of("h3 PAGE_IN out head", "h3 PAGE_IN back head", "h3 PAGE_OUT out head", "h3 PAGE_OUT back head");

    private final Testbed bed;
    private final long seed =
            Long.getLong("test.seed", ThreadLocalRandom.current().nextInt(1, 1_000_000));
    private Relay relay;
    private Guest guest;

    DamagedOnTheWayTest(Testbed bed) {
        this.bed = bed;
    }

    @BeforeEach
    void boot() {
        System.out.println("damage with -Dtest.seed=" + seed);
        relay = new Relay(bed.cluster(), seed);
        guest = bed.boot(Guest.Spec.named("damaged"), "h1");
    }

    @AfterEach
    void removeRelay() {
        System.out.println("damaged: " + relay.counts());
        bed.cluster().mendNetwork(Relay.AT);
        guest.destroy();
        relay.close();
    }

    @Test
    void pagesAreSentAgainFromTheMigrationToTheGathering() {
        relay.damage(ANY, ANY, OUT, PAGE, 10);
        relay.damage(ANY, ANY, BACK, PAGE, 50);

        split();
        guest.verifyAll();
        guest.awaitSweeps(2, LIMIT);
        long damaged = metric("splitmem_vm_damaged_pages_total");
        assertThat(damaged).isPositive();
        makeWhole();

        assertThat(relay.counts())
                .containsKeys(
                        "h2 STREAM out page", "h3 STREAM out page", "h3 PAGE_OUT out page", "h3 PAGE_IN back page");
    }

    /** What is damaged outside of pages costs the connection; what was not answered on it is asked for again. */
    @Test
    void connectionsOfASplitVmAreMadeAgainWhenTheirHeadersAreDamaged() {
        split();
        for (String direction : new String[] {OUT, BACK}) {
            relay.damage("h3", "PAGE_IN", direction, HEAD, 500);
            relay.damage("h3", "PAGE_OUT", direction, HEAD, direction.equals(OUT) ? 20 : 4); // few are answers
            relay.damage("h3", ANY, direction, PAGE, 50);
        }

        guest.awaitSweeps(1, LIMIT);
        Await.until("each kind is damaged", LIMIT, () -> relay.counts().keySet().containsAll(HEADERS_OF_PAGING));
        guest.awaitProgress(LIMIT);
        relay.spare(); // each one more costs page-outs another pause, which is longer than the last
        guest.verifyAll();
        makeWhole();
    }

    /** One of them, with -Dsplitmem.nightly=true all. */
    static Stream<Arguments> headers() {
        Stream<Arguments> all = Stream.of(
                arguments("h3", "STREAM", BACK, 2),
                arguments("h2", "STREAM", OUT, 10),
                arguments("h2", "STREAM", BACK, 2),
                arguments("h3", "STREAM", OUT, 10),
                arguments("h2", "CONTROL", OUT, 2));
        return Boolean.getBoolean("splitmem.nightly") ? all : all.limit(1);
    }

    @ParameterizedTest(name = "{1} {2} at {0}")
    @MethodSource("headers")
    void aMigrationWhoseHeadersAreDamagedFailsAndNamesThePeer(String host, String role, String direction, int oneIn) {
        relay.damage(host, role, direction, HEAD, oneIn);

        try (Job job = bed.cli("h1").startMigration(guest, "h2", SPLIT)) {
            Job.Result result = job.await(LIMIT);
            assertThat(result.exitCode()).as(result.err()).isEqualTo(1);
            assertThat(result.err()).contains(host).contains("the VM is still at h1");
            System.out.println(result.err().strip());
        }

        assertThat(new Migrations(bed.cluster(), "h1").newest(guest).phase()).isEqualTo(MigrationPhase.ABORTED);
        guest.awaitState(VmState.LOCAL, LIMIT);
        bed.requireNothingElse(guest);
        guest.verifyAll();
        assertThat(relay.counts()).containsKey(host + " " + role + " " + direction + " head");
    }

    /** Data arrive at the peer's kernel, as far as this host's can tell, and no answer ever comes. By day PageInClientTest has that. */
    @Test
    @EnabledIfSystemProperty(named = "splitmem.nightly", matches = "true")
    void pageInsRecoverFromConnectionsThatSwallowEverything() {
        split();

        relay.swallow();
        guest.awaitStandstill();
        guest.awaitProgress(Duration.ofSeconds(60)); // 30 s without an answer, then a new connection

        guest.verifyAll();
        makeWhole();
    }

    @Test
    @EnabledIfSystemProperty(
            named = "splitmem.nightly",
            matches = "true") // as RunningSplitVmTest cuts the network of h3
    void pageInsRecoverWhenPacketsVanishForAWhile() {
        split();

        bed.cluster().cutNetwork(Relay.AT);
        guest.awaitStandstill();
        bed.cluster().mendNetwork(Relay.AT);
        guest.awaitProgress(Duration.ofSeconds(30));

        guest.verifyAll();
        makeWhole();
    }

    // ---- steps

    private void split() {
        bed.cli("h1").migrate(guest, "h2", LIMIT, SPLIT);
        assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);
    }

    /** All pages come back, and none was lost. */
    private void makeWhole() {
        assertThat(metric("splitmem_vm_lost_pages_total")).isZero();
        bed.cli(guest.host()).budget(guest.name(), "256MiB");
        guest.awaitState(VmState.LOCAL, LIMIT);
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }

    private long metric(String name) {
        return bed
                .cluster()
                .lines(
                        guest.host(),
                        "curl",
                        "-fsS",
                        "--unix-socket",
                        "/run/splitmem/splitmemd.sock",
                        "http://localhost/metrics")
                .stream()
                .filter(line -> line.startsWith(name))
                .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                .sum();
    }
}
