package org.splitmem.bridge;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.booking.Owner;
import org.splitmem.bridge.config.BridgeConfig;
import org.splitmem.bridge.http.FixedCredentials;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.keystone.OwnToken;
import org.splitmem.bridge.placement.FakePlacement;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.placement.Provider;
import org.splitmem.model.Json;
import org.splitmem.model.config.ConfigException;

/**
 * VMs that all book at once, on hosts that have room for a part of them. Prints a line of JSON for each round: how many have got
 * everything and how many could have, how many got something else than what they were told, by how many MB hosts are overbooked,
 * and times. Nothing stays booked.
 *
 * <pre>java -cp ... org.splitmem.bridge.BookingsBenchmark ROUNDS VMS [CONF]</pre>
 *
 * Against a Placement in memory, where a third of all writes collide; or, with a nova-bridge.conf, against the cloud's. There it
 * books on up to three lenders, and needs them for itself meanwhile: with a nova-bridge running, the reconciler releases what it
 * does not know.
 */
public final class BookingsBenchmark {
    private static final int MOST_HOSTS = 3;
    private static final int COLLISIONS_PERCENT = 33;
    /** Of 100 VMs, the fullest host has room for so many; each further one for so many more. */
    private static final int FIT_PERCENT = 60;

    private static final int MORE_PERCENT = 15;
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final Owner OWNER = new Owner("splitmem-benchmark", "splitmem-benchmark");

    private final PlacementClient placement;
    private final Bookings bookings;
    private final List<UUID> vms = new ArrayList<>();

    private BookingsBenchmark(PlacementClient placement, int count) {
        this.placement = placement;
        this.bookings = new Bookings(placement);
        for (int i = 0; i < count; i++) {
            vms.add(new UUID(0x5b11_7bec_0000_4000L, 0x8000_0000_0000_0000L + i)); // the same each time: see release
        }
    }

    public static void main(String[] args) throws Exception {
        int rounds = Integer.parseInt(args[0]);
        int count = Integer.parseInt(args[1]);
        if (args.length > 2) {
            run(ofCloud(Path.of(args[2])), rounds, count);
            return;
        }
        try (FakePlacement fake = new FakePlacement()) {
            fake.collisions(COLLISIONS_PERCENT);
            fake.host("h1", 60_000, true).host("h2", 60_000, true).host("h3", 30_000, true);
            run(new PlacementClient(new FixedCredentials(fake.url()), Duration.ofSeconds(60), Map::of), rounds, count);
        }
    }

    private static PlacementClient ofCloud(Path file) throws ConfigException {
        BridgeConfig config = BridgeConfig.load(file);
        OwnToken token = new OwnToken(config.keystoneWithPassword(), config.endpoints(), Clock.systemUTC());
        return new PlacementClient(token, config.placementTimeout(), Map::of);
    }

    private static void run(PlacementClient placement, int rounds, int count) throws Exception {
        BookingsBenchmark benchmark = new BookingsBenchmark(placement, count);
        benchmark.releaseAll(); // what a run that was cut off has left
        for (int i = 0; i < rounds; i++) {
            try {
                System.out.println(Json.write(benchmark.round()));
            } finally {
                benchmark.releaseAll();
            }
        }
    }

    /** How one VM fared. */
    private record Outcome(boolean booked, long ns) {}

    private Map<String, Object> round() throws Exception {
        List<Provider> lenders = lenders();
        Map<String, Long> each = shares(lenders, vms.size());
        long room = lenders.stream()
                .mapToLong(host -> host.freeMb() / each.getOrDefault(host.name(), 1L))
                .min()
                .orElseThrow();
        CountDownLatch together = new CountDownLatch(1);
        ExecutorService threads = Executors.newFixedThreadPool(vms.size());
        List<Future<Outcome>> asked = new ArrayList<>();
        for (UUID vm : vms) {
            asked.add(threads.submit(() -> {
                together.await();
                return book(vm, each);
            }));
        }
        threads.shutdown();
        long start = System.nanoTime();
        together.countDown();
        if (!threads.awaitTermination(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
            throw new IOException("not all have an answer after " + LIMIT.toSeconds() + " s");
        }
        long ns = System.nanoTime() - start;
        List<Outcome> outcomes = new ArrayList<>();
        for (Future<Outcome> one : asked) {
            outcomes.add(one.get());
        }
        return report(each, room, outcomes, ns);
    }

    private Map<String, Object> report(Map<String, Long> each, long room, List<Outcome> outcomes, long ns)
            throws ServiceException {
        int booked = 0;
        int untrue = 0;
        for (int i = 0; i < vms.size(); i++) {
            boolean said = outcomes.get(i).booked();
            booked += said ? 1 : 0;
            untrue += bookings.of(vms.get(i)).equals(said ? each : Map.of()) ? 0 : 1;
        }
        long overbooked = 0;
        for (String host : each.keySet()) {
            overbooked += Math.max(0, -placement.provider(host).orElseThrow().freeMb());
        }
        long[] times = outcomes.stream().mapToLong(Outcome::ns).sorted().toArray();
        Map<String, Object> report = new TreeMap<>();
        report.put("vms", vms.size());
        report.put("hosts", each.size());
        report.put("room", Math.min(room, vms.size()));
        report.put("booked", booked);
        report.put("untrue", untrue);
        report.put("overbookedMb", overbooked);
        report.put("seconds", ns / 1e9);
        report.put("p50Ms", times[times.length / 2] / 1e6);
        report.put("maxMs", times[times.length - 1] / 1e6);
        return report;
    }

    private List<Provider> lenders() throws ServiceException, IOException {
        List<Provider> lenders = placement.lenders(null).stream()
                .filter(host -> host.freeMb() >= 4L * vms.size())
                .sorted(Comparator.comparingLong(Provider::freeMb))
                .limit(MOST_HOSTS)
                .toList();
        if (lenders.isEmpty()) {
            throw new IOException("no lender has " + 4L * vms.size() + " MB of memory free in Placement");
        }
        return lenders;
    }

    /** So that those that do not fit on the first host would fit on others, which must not keep them. */
    private static Map<String, Long> shares(List<Provider> lenders, int vms) {
        Map<String, Long> shares = new TreeMap<>();
        int percent = FIT_PERCENT;
        for (Provider host : lenders) {
            shares.put(host.name(), Math.max(1, host.freeMb() * 100 / ((long) vms * percent)));
            percent += MORE_PERCENT;
        }
        return shares;
    }

    private Outcome book(UUID vm, Map<String, Long> each) throws ServiceException {
        long start = System.nanoTime();
        boolean booked;
        try {
            bookings.set(vm, OWNER, each);
            booked = true;
        } catch (NoCapacityException e) {
            booked = false;
        }
        return new Outcome(booked, System.nanoTime() - start);
    }

    private void releaseAll() throws ServiceException, InterruptedException, IOException {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Future<?>> releases = new ArrayList<>();
        for (UUID vm : vms) {
            releases.add(threads.submit(() -> bookings.release(vm)));
        }
        threads.shutdown();
        for (Future<?> release : releases) {
            try {
                release.get();
            } catch (ExecutionException e) {
                throw new IOException("what was booked cannot be released", e);
            }
        }
        for (UUID vm : vms) {
            if (!bookings.of(vm).isEmpty()) {
                throw new IOException("still booked for " + vm + ": " + bookings.of(vm));
            }
        }
    }
}
