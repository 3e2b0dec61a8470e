package org.splitmem.bridge.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which hosts a request may use, and why not the others.
 *
 * @param eligible by name
 * @param rejected in the order of their causes, each by name
 */
record Census(List<Candidate> eligible, List<Rejected> rejected) {
    private static final int NAMED = 3;

    /** The order in which causes of our own are reported around those of the cloud's rules. */
    private static final int OF_THE_VM = 0;

    private static final int OF_THE_HOST = 1;
    private static final int OF_THE_CLOUD = 2;
    private static final int OF_ROOM = 100;

    /**
     * A host that is out of the question.
     *
     * @param order in which it is reported
     * @param cause kind of reason
     * @param detail with which values; empty: the cause says it all
     */
    record Rejected(Candidate host, int order, String cause, String detail) {}

    static Census of(PlanRequest request, List<Candidate> hosts) {
        List<Candidate> eligible = new ArrayList<>();
        List<Rejected> rejected = new ArrayList<>();
        for (Candidate host : hosts) {
            Rejected out = rejection(host, request);
            if (out == null) {
                eligible.add(host);
            } else {
                rejected.add(out);
            }
        }
        eligible.sort(Comparator.comparing(Candidate::name));
        rejected.sort(Comparator.comparingInt(Rejected::order)
                .thenComparing(out -> out.host().name()));
        return new Census(eligible, rejected);
    }

    private static @Nullable Rejected rejection(Candidate host, PlanRequest request) {
        if (host.name().equals(request.mainHost())) {
            return new Rejected(host, OF_THE_VM, "is the main host", "");
        }
        if (host.name().equals(request.source())) {
            return new Rejected(host, OF_THE_VM, "is the source", "");
        }
        if (host.trouble() != null) {
            return new Rejected(host, OF_THE_HOST, "not healthy", host.trouble());
        }
        boolean keepsPages = request.source() == null && request.holders().contains(host.name());
        CloudRules.Objection objection = request.rules().against(host.membership(), keepsPages);
        if (objection != null) {
            CloudRules.Cause cause = objection.cause();
            return new Rejected(host, OF_THE_CLOUD + cause.order(), cause.words(), objection.detail());
        }
        if (host.placementFreeMb() < 1) {
            return new Rejected(host, OF_ROOM, "without free MEMORY_MB", "");
        }
        return host.lendableMb() < 1 ? new Rejected(host, OF_ROOM + 1, "with nothing left to lend", "") : null;
    }

    /** For the sentence of a refusal: how many hosts are out for which cause, with some names. */
    String rejections() {
        Map<Integer, List<Rejected>> byCause = new TreeMap<>();
        for (Rejected out : rejected) {
            if (out.order() != OF_THE_VM) {
                byCause.computeIfAbsent(out.order(), order -> new ArrayList<>()).add(out);
            }
        }
        return byCause.values().stream()
                .map(hosts -> "; " + hosts.size() + " " + hosts.get(0).cause() + some(hosts))
                .collect(Collectors.joining());
    }

    private static String some(List<Rejected> hosts) {
        return hosts.stream()
                .limit(NAMED)
                .map(out -> out.host().name() + (out.detail().isEmpty() ? "" : ": " + out.detail()))
                .collect(Collectors.joining(", ", " (", hosts.size() > NAMED ? ", ...)" : ")"));
    }

    /** One line a host, by name. */
    List<String> lines(Set<String> chosen) {
        List<String> lines = new ArrayList<>();
        for (Candidate host : eligible) {
            lines.add(host.name() + (chosen.contains(host.name()) ? ": chosen; " : ": could be used; ") + facts(host));
        }
        for (Rejected out : rejected) {
            String detail = out.detail().isEmpty() ? "" : " (" + out.detail() + ")";
            lines.add(out.host().name() + ": " + out.cause() + detail + "; " + facts(out.host()));
        }
        lines.sort(Comparator.naturalOrder());
        return lines;
    }

    private static String facts(Candidate host) {
        Membership membership = host.membership();
        return host.placementFreeMb() + " MB unclaimed, " + host.lendableMb() + " MB to lend, load "
                + host.loadPercent() + " %, link " + host.linkBytesPerSecond() / 125_000 + " Mbit/s, answers in "
                + host.latencyUs() + " us, failure domain " + host.failureDomain()
                + (membership.zone().isEmpty() ? "" : ", zone " + membership.zone())
                + (membership.groupServers().isEmpty()
                        ? ""
                        : ", " + membership.groupServers().size() + " of the server group there");
    }
}
