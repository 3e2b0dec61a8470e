package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.splitmem.model.HostStatus;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * One busy guest lives through many operations in a row, between four hosts: split by migration and where it is, moved on, gathered here
 * and there, its sub-hosts replaced and drained, its budget changed. What comes next follows from a seed, which is printed; {@code
 * -Dtest.seed=N} sets it, {@code -Dtest.operations=N} how many.
 */
@SystemTest
final class ManyOperationsTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final List<String> HOSTS = List.of("h1", "h2", "h3", "h4");
    private static final int BY_DAY = 3, BY_NIGHT = 60;

    private final Testbed bed;
    private final long seed =
            Long.getLong("test.seed", ThreadLocalRandom.current().nextInt(1, 1_000_000));
    private final Random random = new Random(seed);
    private Guest guest;

    ManyOperationsTest(Testbed bed) {
        this.bed = bed;
    }

    @Test
    void aGuestKeepsEveryByteWhateverIsDoneWithIt() {
        int operations =
                Integer.getInteger("test.operations", Boolean.getBoolean("splitmem.nightly") ? BY_NIGHT : BY_DAY);
        System.out.println("operations with -Dtest.seed=" + seed);
        guest = bed.boot(Guest.Spec.named("nomad").vcpus(2), "h1");

        for (int i = 1; i <= operations; i++) {
            VmInfo before = guest.info();
            System.out.println(i + ": " + (before.state() == VmState.LOCAL ? ofAWholeOne() : ofASplitOne(before)));

            guest.awaitSweeps(1, LIMIT);
            areReservationsRight();
        }

        guest.verifyAll();
        if (guest.info().state() == VmState.SPLIT) {
            soon("gather", guest.name(), "--wait");
        }
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }

    // ---- operations; each says what it was

    private String ofAWholeOne() {
        if (random.nextBoolean()) {
            List<String> subHosts = some(others(List.of(guest.host())));
            bed.cli(guest.host()).split(guest.name(), plan(subHosts));
            return "split on " + guest.host() + ", with " + subHosts;
        }
        String from = guest.host();
        String to = any(others(List.of(from)));
        List<String> subHosts = some(others(List.of(from, to)));
        bed.cli(from).migrate(guest, to, LIMIT, plan(subHosts));
        return "one-to-N from " + from + " to " + to + ", with " + subHosts;
    }

    private static String[] plan(List<String> subHosts) {
        List<String> options = new ArrayList<>(List.of("--budget", "128MiB"));
        subHosts.forEach(host -> options.addAll(List.of("--sub-host", host)));
        return options.toArray(String[]::new);
    }

    private String ofASplitOne(VmInfo info) {
        List<String> subHosts = List.copyOf(info.remoteBytes().keySet());
        List<String> taken = new ArrayList<>(subHosts);
        taken.add(guest.host());
        String free = any(others(taken));
        String subHost = any(subHosts);
        taken.add(free);
        List<String> alsoFree = others(taken);
        switch (random.nextInt(9)) {
            case 0 -> {
                soon("gather", guest.name(), "--wait");
                return "gathered on " + guest.host();
            }
            case 1 -> {
                String from = guest.host();
                move(free, "--gather");
                guest.awaitState(VmState.LOCAL, LIMIT);
                return "moved from " + from + " to " + free + ", and gathered there";
            }
            case 2 -> {
                String budget = 116 + random.nextInt(40) + "MiB";
                bed.cli(guest.host()).budget(guest.name(), budget);
                return "budget of " + budget;
            }
            case 3 -> {
                soon("move-pages", guest.name(), "--from", subHost, "--to", free, "--wait");
                return "pages moved from " + subHost + " to " + free;
            }
            case 4 -> {
                try {
                    bed.cli(free).require("drain", subHost, "--to", free, "--wait");
                } finally {
                    bed.cli(free).require("drain", subHost, "--cancel");
                }
                return subHost + " drained to " + free;
            }
            case 5 -> {
                String from = guest.host();
                if (alsoFree.isEmpty()) {
                    move(free);
                    return "moved from " + from + " to " + free + ", sub-hosts stay: " + subHosts;
                }
                String other = any(alsoFree);
                move(free, "--sub-host", other);
                awaitSubHosts(Set.of(other));
                return "moved from " + from + " to " + free + ", and from sub-hosts " + subHosts + " to " + other;
            }
            case 6 -> {
                return toSubHost(subHosts, subHost, free);
            }
            default -> {
                String from = guest.host();
                move(free);
                return "moved from " + from + " to " + free + ", sub-hosts stay: " + subHosts;
            }
        }
    }

    private String toSubHost(List<String> subHosts, String subHost, String free) {
        String from = guest.host();
        Set<String> next = new TreeSet<>(subHosts);
        next.remove(subHost);
        next.add(free);
        move(
                subHost,
                next.stream().flatMap(host -> Stream.of("--sub-host", host)).toArray(String[]::new));
        awaitSubHosts(next);
        return "moved from " + from + " to its sub-host " + subHost + ", which keeps nothing then: " + next;
    }

    private void awaitSubHosts(Set<String> hosts) {
        Await.until(
                "its sub-hosts are " + hosts,
                LIMIT,
                () -> guest.info().reservedBytes().keySet().equals(hosts));
    }

    private void move(String to, String... options) {
        List<String> command = new ArrayList<>(List.of("migrate", guest.name(), "--to", to));
        command.addAll(List.of(options));
        soon(command.toArray(String[]::new));
        guest.isAt(to);
    }

    /** It may still be settling after the operation before: then it is to be asked again. */
    private void soon(String... command) {
        Await.value(
                String.join(" ", command), LIMIT, () -> bed.cli(guest.host()).run(command), result -> {
                    assertThat(result.succeeded() || result.err().contains("ask again"))
                            .as(result.err())
                            .isTrue();
                    return result.succeeded();
                });
    }

    // ---- hosts

    private static List<String> others(List<String> taken) {
        List<String> others = new ArrayList<>(HOSTS);
        others.removeAll(taken);
        return others;
    }

    private String any(List<String> of) {
        return of.get(random.nextInt(of.size()));
    }

    /** One or two, so that of all hosts one is left. */
    private List<String> some(List<String> of) {
        List<String> mixed = new ArrayList<>(of);
        Collections.shuffle(mixed, random);
        return mixed.subList(0, 1 + random.nextInt(Math.min(2, of.size())));
    }

    /** Each host lends what the VM says that it has reserved, and nothing else is anywhere. */
    private void areReservationsRight() {
        bed.requireNothingElse(guest);
        VmInfo info = guest.info();
        for (HostStatus host : bed.cluster().control("h1").hosts()) {
            assertThat(host.info()).as(host.error()).isNotNull();
            assertThat(host.info().lentBytes())
                    .as("lent by " + host.name())
                    .isEqualTo(info.reservedBytes().getOrDefault(host.name(), 0L));
        }
    }
}
