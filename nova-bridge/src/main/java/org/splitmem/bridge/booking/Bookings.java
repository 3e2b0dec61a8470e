package org.splitmem.bridge.booking;

import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;
import org.splitmem.bridge.placement.Claims;
import org.splitmem.bridge.placement.ConcurrentUpdateException;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.placement.Provider;

/**
 * The memory of VMs that Nova has not claimed, booked as MEMORY_MB on the hosts that hold it.
 *
 * <p>A booking is a map from host to MB, and is changed whole or not at all. Any thread.
 */
public final class Bookings {
    private static final Logger log = LoggerFactory.getLogger(Bookings.class);
    /** Enough for a hundred that book on one host at once. */
    private static final int TRIES = 40;

    private static final int LONGEST_PAUSE_MS = 400;

    private final PlacementClient placement;
    private final Map<String, UUID> providers = new ConcurrentHashMap<>();

    public Bookings(PlacementClient placement) {
        this.placement = placement;
    }

    /**
     * One atomic change of what is booked.
     *
     * @param generation of the consumer after it; if nothing is booked any more, the one it had last. 0 if there never was one
     */
    public record Step(Map<String, Long> before, Map<String, Long> after, long generation) {
        public Step {
            before = Map.copyOf(before);
            after = Map.copyOf(after);
        }

        /** False if it was booked like that before. */
        public boolean isChange() {
            return !before.equals(after);
        }

        private static Step of(Claims now, Map<String, Long> before, Map<String, Long> after, boolean isWritten) {
            long last = now.generation() == null ? 0 : now.generation();
            // Placement makes a consumer with generation 0, and adds one with every write.
            return new Step(before, after, isWritten && !after.isEmpty() ? last + 1 : last);
        }
    }

    /**
     * What was booked for a VM at one moment.
     *
     * @param generation of the consumer; null if nothing was booked
     */
    public record Seen(Map<String, Long> booking, @Nullable Long generation) {
        public static final Seen NOTHING = new Seen(Map.of(), null);

        public Seen {
            booking = Map.copyOf(booking);
        }
    }

    /** What is booked for a VM now, by host. */
    public Map<String, Long> of(UUID instance) throws ServiceException {
        return seen(instance).booking();
    }

    /** As {@link #of}, to be compared with later. */
    public Seen seen(UUID instance) throws ServiceException {
        return seen(placement.claims(Consumers.of(instance)));
    }

    private Seen seen(Claims claims) throws ServiceException {
        return new Seen(byHost(claims), claims.generation());
    }

    /**
     * As {@link #set}, unless somebody has changed the booking since it was looked at.
     *
     * @param still asked of what is booked now, perhaps several times: if it says no, nothing is written. What is written replaces exactly
     *     what it was asked of, so whoever makes a change known before booking for it can also be asked there
     * @return no change if {@code still} said no
     */
    public Step setIf(Predicate<Seen> still, UUID instance, Owner owner, Map<String, Long> booking)
            throws ServiceException, NoCapacityException {
        return change(instance, owner, now -> still.test(now) ? booking : null);
    }

    /**
     * As {@link #setIf}, also if it is booked already.
     *
     * <p>Call it as soon as the VM's record, or its main host, says what the booking is for. A bridge that read the books before that, and found
     * neither, compares generations and writes nothing.
     */
    public Step confirm(Predicate<Seen> still, UUID instance, Owner owner, Map<String, Long> booking)
            throws ServiceException, NoCapacityException {
        return change(instance, owner, new Change() {
            @Override
            public @Nullable Map<String, Long> next(Seen now) {
                return still.test(now) ? booking : null;
            }

            @Override
            public boolean isWrittenAnyhow() {
                return true;
            }
        });
    }

    /** @throws NoCapacityException if a host has no room; the old booking stays */
    public Step set(UUID instance, Owner owner, Map<String, Long> booking)
            throws ServiceException, NoCapacityException {
        return change(instance, owner, now -> booking);
    }

    /** Nothing is booked for the VM any more. */
    public Step release(UUID instance) throws ServiceException {
        return releaseConsumer(Consumers.of(instance), now -> true);
    }

    /** As {@link #release}, by the consumer's own uuid, and only if {@code still} says so, as of {@link #setIf}. */
    public Step releaseConsumer(UUID consumer, Predicate<Seen> still) throws ServiceException {
        try {
            return changeConsumer(consumer, new Owner("", ""), now -> still.test(now) ? Map.of() : null);
        } catch (NoCapacityException e) {
            throw new ServiceException(Kind.CONFLICT, "", "Placement has no capacity for nothing: " + e.text());
        }
    }

    public static Map<String, Long> union(Map<String, Long> a, Map<String, Long> b) {
        Map<String, Long> both = new TreeMap<>(a);
        b.forEach((host, mb) -> both.merge(host, mb, Long::sum));
        return both;
    }

    /** From what is booked to what is to be; null: nothing is written. */
    private interface Change {
        @Nullable
        Map<String, Long> next(Seen now);

        /** Also if it is the same. */
        default boolean isWrittenAnyhow() {
            return false;
        }
    }

    /** Reads, changes and writes until nobody else was in between. */
    private Step change(UUID instance, Owner owner, Change how) throws ServiceException, NoCapacityException {
        return changeConsumer(Consumers.of(instance), owner, how);
    }

    private Step changeConsumer(UUID consumer, Owner owner, Change how) throws ServiceException, NoCapacityException {
        String last = "";
        for (int attempt = 0; attempt < TRIES; attempt++) {
            Claims now = placement.claims(consumer);
            checkOurs(consumer, now);
            Map<String, Long> before = byHost(now);
            Map<String, Long> next = how.next(new Seen(before, now.generation()));
            Map<String, Long> wanted = new TreeMap<>(next == null ? before : next);
            wanted.values().removeIf(mb -> mb == 0);
            boolean isSame = wanted.equals(before) && (wanted.isEmpty() || !how.isWrittenAnyhow());
            if (next == null || isSame) {
                return Step.of(now, before, before, false);
            }
            try {
                placement.replace(consumer, claims(wanted, now, owner));
                if (!isTooMuch(before, wanted)) {
                    log.info("consumer={} booked {} (before: {})", consumer, wanted, before);
                    return Step.of(now, before, wanted, true);
                }
                last = "Placement gave out more than a host has";
                takeBack(consumer, before, owner);
                pause(attempt);
            } catch (ConcurrentUpdateException e) {
                last = String.valueOf(e.getMessage());
                pause(attempt);
            } catch (ServiceException e) {
                if (e.kind() != Kind.NOT_FOUND || attempt > 0) {
                    throw e;
                }
                providers.clear(); // a host was deleted and made anew
            }
        }
        throw new ServiceException(
                Kind.CONFLICT,
                "",
                "Placement: no luck in " + TRIES + " tries to book for consumer " + consumer + ": " + last);
    }

    /**
     * Whether a host has less than what is claimed of it now.
     *
     * <p>Placement should never let that happen, but did: a hundred claims at once on three hosts overbooked one (Placement 8.0). Why was not
     * seen; by its code, it tries again after a deadlock in its database with generations that it has counted up already.
     */
    private boolean isTooMuch(Map<String, Long> before, Map<String, Long> now) throws ServiceException {
        for (Map.Entry<String, Long> entry : now.entrySet()) {
            if (entry.getValue() > before.getOrDefault(entry.getKey(), 0L)) {
                Provider host = placement.provider(entry.getKey()).orElse(null);
                if (host != null && host.freeMb() < 0) {
                    return true;
                }
            }
        }
        return false;
    }

    private void takeBack(UUID consumer, Map<String, Long> before, Owner owner)
            throws ServiceException, NoCapacityException {
        for (int attempt = 0; attempt < TRIES; attempt++) {
            try {
                placement.replace(consumer, claims(before, placement.claims(consumer), owner));
                log.warn("consumer={} Placement gave out more than a host has: back to {}", consumer, before);
                return;
            } catch (ConcurrentUpdateException e) {
                pause(attempt);
            }
        }
        throw new ServiceException(
                Kind.CONFLICT, "", "Placement: consumer " + consumer + " has more than there is, and keeps it for now");
    }

    /** Somebody else's consumer is never touched, even if its uuid is ours. */
    private static void checkOurs(UUID consumer, Claims now) throws ServiceException {
        if (now.type() != null && !now.type().equals(Consumers.TYPE)) {
            throw new ServiceException(
                    Kind.CONFLICT,
                    "",
                    "Placement: consumer " + consumer + " is of type " + now.type() + ", not " + Consumers.TYPE);
        }
    }

    private Claims claims(Map<String, Long> wanted, Claims now, Owner owner) throws ServiceException {
        Map<UUID, Long> memory = new TreeMap<>();
        for (Map.Entry<String, Long> entry : wanted.entrySet()) {
            memory.put(provider(entry.getKey()), entry.getValue());
        }
        boolean given = !owner.projectId().isEmpty();
        return new Claims(
                memory,
                now.generation(),
                given ? owner.projectId() : now.projectId(),
                given ? owner.userId() : now.userId(),
                Consumers.TYPE);
    }

    private UUID provider(String host) throws ServiceException {
        UUID known = providers.get(host);
        if (known != null) {
            return known;
        }
        Provider found = placement
                .provider(host)
                .orElseThrow(() -> new ServiceException(
                        Kind.NOT_FOUND, "", "Placement has no resource provider of the name " + host));
        providers.put(host, found.uuid());
        return found.uuid();
    }

    private Map<String, Long> byHost(Claims claims) throws ServiceException {
        Map<String, Long> booking = new TreeMap<>();
        for (Map.Entry<UUID, Long> entry : claims.memoryMb().entrySet()) {
            booking.put(host(entry.getKey()), entry.getValue());
        }
        return booking;
    }

    private String host(UUID provider) throws ServiceException {
        String known = knownHost(provider);
        if (known == null) {
            providers.putAll(placement.providers());
            known = knownHost(provider);
        }
        // Only what was deleted in between has no name.
        return Objects.requireNonNullElse(known, provider.toString());
    }

    private @Nullable String knownHost(UUID provider) {
        for (Map.Entry<String, UUID> entry : providers.entrySet()) {
            if (entry.getValue().equals(provider)) {
                return entry.getKey();
            }
        }
        return null;
    }

    /** Longer each time, and by chance, so that those who collided once do not meet again. */
    private static void pause(int attempt) throws ServiceException {
        try {
            Thread.sleep(ThreadLocalRandom.current()
                    .nextInt(5, Math.min(LONGEST_PAUSE_MS, 10 << Math.min(attempt, 6))));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ServiceException(Kind.TIMEOUT, "", "interrupted while booking");
        }
    }
}
