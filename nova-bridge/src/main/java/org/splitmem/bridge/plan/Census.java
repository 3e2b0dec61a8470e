package org.splitmem.bridge.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which hosts a request may use, and why not the others.
 *
 * @param eligible by name
 * @param rejected by cause, each by name
 */
record Census(List<Candidate> eligible, Map<Cause, List<Candidate>> rejected) {
    private static final int NAMED = 3;

    /** Why a host is out of the question; in the order in which they are told. */
    enum Cause {
        MAIN("is the main host"),
        SOURCE("is the source"),
        TROUBLE("not well"),
        FULL("without free MEMORY_MB"),
        NOTHING_TO_LEND("with nothing left to lend");

        private final String words;

        Cause(String words) {
            this.words = words;
        }
    }

    static Census of(PlanRequest request, List<Candidate> hosts) {
        List<Candidate> eligible = new ArrayList<>();
        Map<Cause, List<Candidate>> rejected = new EnumMap<>(Cause.class);
        for (Candidate host : hosts) {
            Cause cause = causeAgainst(host, request);
            if (cause == null) {
                eligible.add(host);
            } else {
                rejected.computeIfAbsent(cause, key -> new ArrayList<>()).add(host);
            }
        }
        Comparator<Candidate> byName = Comparator.comparing(Candidate::name);
        eligible.sort(byName);
        rejected.values().forEach(list -> list.sort(byName));
        return new Census(eligible, rejected);
    }

    private static @Nullable Cause causeAgainst(Candidate host, PlanRequest request) {
        if (host.name().equals(request.mainHost())) {
            return Cause.MAIN;
        }
        if (host.name().equals(request.source())) {
            return Cause.SOURCE;
        }
        if (host.trouble() != null) {
            return Cause.TROUBLE;
        }
        if (host.placementFreeMb() < 1) {
            return Cause.FULL;
        }
        return host.lendableMb() < 1 ? Cause.NOTHING_TO_LEND : null;
    }

    /** For the sentence of a refusal: how many hosts are out for which cause, with some names. */
    String rejections() {
        String told = rejected.entrySet().stream()
                .filter(entry -> entry.getKey() != Cause.MAIN && entry.getKey() != Cause.SOURCE)
                .map(entry -> entry.getValue().size() + " " + entry.getKey().words + some(entry.getValue()))
                .collect(Collectors.joining("; "));
        return told.isEmpty() ? "" : "; " + told;
    }

    private static String some(List<Candidate> hosts) {
        return hosts.stream()
                .limit(NAMED)
                .map(host -> host.trouble() == null ? host.name() : host.name() + ": " + host.trouble())
                .collect(Collectors.joining(", ", " (", hosts.size() > NAMED ? ", ...)" : ")"));
    }

    /** One line a host, by name. */
    List<String> lines(Set<String> chosen) {
        List<String> lines = new ArrayList<>();
        for (Candidate host : eligible) {
            lines.add(host.name() + (chosen.contains(host.name()) ? ": chosen; " : ": could be used; ") + facts(host));
        }
        rejected.forEach((cause, hosts) -> {
            for (Candidate host : hosts) {
                lines.add(host.name() + ": " + cause.words + (host.trouble() == null ? "" : " (" + host.trouble() + ")")
                        + "; " + facts(host));
            }
        });
        lines.sort(Comparator.naturalOrder());
        return lines;
    }

    private static String facts(Candidate host) {
        return host.placementFreeMb() + " MB unclaimed, " + host.lendableMb() + " MB to lend, load "
                + host.loadPercent() + " %, link " + host.linkBytesPerSecond() / 125_000 + " Mbit/s, answers in "
                + host.latencyUs() + " us, failure domain " + host.failureDomain();
    }
}
