package org.splitmem.bridge.booking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.http.FixedCredentials;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.FakePlacement;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.placement.PlacementClient;

class BookingsTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final Owner OWNER = new Owner("project", "user");

    private FakePlacement placement;
    private Bookings bookings;

    @BeforeEach
    void aCloudOfThreeHosts() throws Exception {
        placement = new FakePlacement()
                .host("h1", 1000, true)
                .host("h2", 1000, true)
                .host("h3", 300, true);
        bookings = new Bookings(
                new PlacementClient(new FixedCredentials(placement.url()), Duration.ofSeconds(20), Map::of));
    }

    @AfterEach
    void end() {
        placement.close();
    }

    @Test
    void aBookingIsOneConsumerOfTheInstancesOwnerWithOurType() throws Exception {
        bookings.set(VM, OWNER, Map.of("h1", 100L, "h3", 50L));

        assertThat(placement.claimsOf(Consumers.of(VM))).isEqualTo(Map.of("h1", 100L, "h3", 50L));
        assertThat(placement.typeAndOwner(Consumers.of(VM))).isEqualTo("SPLITMEM project user");
        assertThat(bookings.of(VM)).isEqualTo(Map.of("h1", 100L, "h3", 50L));
    }

    @Test
    void aMigrationBooksBothSidesAndThenOne() throws Exception {
        bookings.set(VM, OWNER, Map.of("h1", 256L));

        bookings.set(VM, OWNER, Bookings.union(bookings.of(VM), Map.of("h3", 256L)));
        assertThat(bookings.of(VM)).isEqualTo(Map.of("h1", 256L, "h3", 256L));

        bookings.set(VM, OWNER, Map.of("h3", 256L));
        assertThat(bookings.of(VM)).isEqualTo(Map.of("h3", 256L));
    }

    @Test
    void whatDoesNotFitChangesNothing() throws Exception {
        bookings.set(VM, OWNER, Map.of("h1", 256L));

        assertThatThrownBy(() -> bookings.set(VM, OWNER, Map.of("h1", 256L, "h2", 10L, "h3", 301L)))
                .isInstanceOf(NoCapacityException.class)
                .hasMessageContaining("Unable to allocate inventory");

        assertThat(bookings.of(VM)).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void whatPlacementGaveOutTwiceIsTakenBack() throws Exception {
        bookings.set(VM, OWNER, Map.of("h1", 256L));
        placement.blindWrites(1);

        assertThatThrownBy(() -> bookings.set(VM, OWNER, Map.of("h3", 301L))).isInstanceOf(NoCapacityException.class);

        assertThat(bookings.of(VM)).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void whatIsReleasedIsGone() throws Exception {
        bookings.set(VM, OWNER, Map.of("h1", 256L));

        bookings.release(VM);
        bookings.release(VM);

        assertThat(placement.consumers()).isZero();
    }

    @Test
    void aHostThatPlacementDoesNotKnowIsNamed() {
        assertThatThrownBy(() -> bookings.set(VM, OWNER, Map.of("h9", 1L)))
                .isInstanceOf(ServiceException.class)
                .hasMessage("Placement has no resource provider of the name h9");
    }

    @Test
    void aConsumerOfAnotherTypeIsNotTouched() {
        placement.claim(Consumers.of(VM), "INSTANCE", "h1", 77);

        assertThatThrownBy(() -> bookings.release(VM)).hasMessageContaining("is of type INSTANCE, not SPLITMEM");

        assertThat(placement.claimsOf(Consumers.of(VM))).isEqualTo(Map.of("h1", 77L));
    }

    @Test
    void aHundredThatBookAtOnceNeverOverbookAndEachGetsAllOrNothing() throws Exception {
        placement.collisions(30);
        Map<String, Long> each = Map.of("h1", 12L, "h2", 12L, "h3", 5L);
        ExecutorService threads = Executors.newFixedThreadPool(100);
        CountDownLatch together = new CountDownLatch(1);
        List<UUID> vms = new ArrayList<>();
        List<Future<Boolean>> booked = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            UUID vm = new UUID(0x4000, i);
            vms.add(vm);
            booked.add(threads.submit(() -> {
                together.await();
                return fits(vm, each);
            }));
        }

        together.countDown();

        int successes = 0;
        for (int i = 0; i < 100; i++) {
            boolean success = booked.get(i).get();
            successes += success ? 1 : 0;
            assertThat(placement.claimsOf(Consumers.of(vms.get(i)))).isEqualTo(success ? each : Map.of());
        }
        threads.shutdown();
        assertThat(successes).as("h3 has room for 60").isEqualTo(60);
        assertThat(placement.everOverbooked()).isFalse();
        assertThat(placement.usedMb("h3")).isEqualTo(300);
        assertThat(placement.usedMb("h1")).isEqualTo(720);
    }

    private boolean fits(UUID vm, Map<String, Long> booking) throws ServiceException {
        try {
            bookings.set(vm, OWNER, booking);
            return true;
        } catch (NoCapacityException e) {
            return false;
        }
    }
}
