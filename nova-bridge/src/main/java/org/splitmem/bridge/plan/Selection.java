package org.splitmem.bridge.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The smallest set of hosts that has room, and among those the preferred one.
 *
 * @param hosts in the order of preference
 * @param failure why there is none; absent if there is one
 */
record Selection(List<Candidate> hosts, @Nullable String failure) {
    private static final int TENTH = 10;

    /**
     * The better host first. Rates, loads and latencies are compared by their magnitude only: measured values are never equal, and their noise
     * must not decide.
     */
    static final Comparator<Candidate> PREFERENCE = Comparator.comparingInt(
                    (Candidate host) -> -magnitude(host.linkBytesPerSecond()))
            .thenComparingInt(host -> host.loadPercent() / TENTH)
            .thenComparingInt(host -> magnitude(host.latencyUs()))
            .thenComparing(Comparator.comparingLong(Candidate::roomMb).reversed())
            .thenComparing(Candidate::name);

    private static int magnitude(long value) {
        return 64 - Long.numberOfLeadingZeros(Math.max(0, value));
    }

    static Selection of(List<Candidate> eligible, PlanRequest request) {
        long need = request.remainderMb();
        List<Candidate> byRoom = new ArrayList<>(eligible);
        byRoom.sort(Comparator.comparingLong(Candidate::roomMb).reversed().thenComparing(Candidate::name));
        int least = least(byRoom, need);
        int most = request.specs().maxSubHosts();
        if (least == 0) {
            long together = byRoom.stream().mapToLong(Candidate::roomMb).sum();
            return failed("the " + eligible.size() + " that can be used have room for " + together + " MB");
        }
        if (least > most) {
            return failed("at least " + least + " would be needed, at most " + most + " are allowed");
        }
        // A share is at least 1 MB.
        int count = Math.max(least, (int) Math.min(request.specs().minSubHosts(), need));
        if (count > eligible.size()) {
            return failed("at least " + count + " are asked for, " + eligible.size() + " can be used");
        }
        List<Candidate> preferred = new ArrayList<>(eligible);
        Comparator<Candidate> holdersFirst =
                Comparator.comparing(host -> !request.holders().contains(host.name()));
        Comparator<Candidate> groupFirst =
                Comparator.comparingInt(host -> request.rules().groupRank(host.membership()));
        preferred.sort(groupFirst.thenComparing(holdersFirst).thenComparing(PREFERENCE));
        return new Selection(choose(preferred, byRoom, count, need), null);
    }

    private static Selection failed(String why) {
        return new Selection(List.of(), why);
    }

    /** How many of the roomiest have enough; 0 if all together have not. */
    private static int least(List<Candidate> byRoom, long need) {
        long room = 0;
        for (int i = 0; i < byRoom.size(); i++) {
            room += byRoom.get(i).roomMb();
            if (room >= need) {
                return i + 1;
            }
        }
        return 0;
    }

    /**
     * Goes through the hosts from the best: each is taken if with it, and the roomiest for the places that are left, the need can still be met.
     * Who is passed over could not be used later either: then there are fewer places left.
     */
    private static List<Candidate> choose(List<Candidate> preferred, List<Candidate> byRoom, int count, long need) {
        List<Candidate> chosen = new ArrayList<>();
        Set<String> names = new HashSet<>();
        long missing = need;
        for (Candidate host : preferred) {
            if (chosen.size() == count) {
                break;
            }
            names.add(host.name());
            if (host.roomMb() + roomiest(byRoom, names, count - chosen.size() - 1) >= missing) {
                chosen.add(host);
                missing -= host.roomMb();
            } else {
                names.remove(host.name());
            }
        }
        return chosen;
    }

    private static long roomiest(List<Candidate> byRoom, Set<String> except, int count) {
        long room = 0;
        int taken = 0;
        for (int i = 0; taken < count && i < byRoom.size(); i++) {
            if (!except.contains(byRoom.get(i).name())) {
                room += byRoom.get(i).roomMb();
                taken++;
            }
        }
        return room;
    }
}
