package org.splitmem.memory.drain;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.migration.PeerRefusalException;
import org.splitmem.memory.migration.UnreachableException;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** Hosts as they would answer: what they are asked to move is in what they say of their VMs from then on. One thread. */
final class FakeMainHosts implements MainHosts {
    static final long MIB = 1L << 20;

    private final Map<String, Map<UUID, VmInfo>> vms = new TreeMap<>();
    private final Map<String, Long> rooms = new TreeMap<>();
    private final List<String> asked = new ArrayList<>();
    private Set<String> away = Set.of();
    private @Nullable String refusal;

    FakeMainHosts(String... names) {
        for (String name : names) {
            vms.put(name, new TreeMap<>());
            rooms.put(name, 0L);
        }
    }

    /** From now on these hosts, and no others, do not answer. */
    void away(String... hosts) {
        away = Set.of(hosts);
    }

    /** From now on pages are not moved, and this code is why; null: they are. */
    void refuse(@Nullable String code) {
        refusal = code;
    }

    void room(String host, long bytes) {
        rooms.put(host, bytes);
    }

    void run(String host, VmInfo vm) {
        vms.values().forEach(there -> there.remove(UUID.fromString(vm.uuid())));
        at(host).put(UUID.fromString(vm.uuid()), vm);
    }

    VmInfo vm(UUID uuid) {
        return vms.values().stream()
                .flatMap(there -> there.values().stream())
                .filter(vm -> vm.uuid().equals(uuid.toString()))
                .findFirst()
                .orElseThrow();
    }

    /** What it was asked to change since the last call. */
    List<String> asked() {
        List<String> all = List.copyOf(asked);
        asked.clear();
        return all;
    }

    /** A VM with 256 MiB of RAM of which 128 MiB are to be elsewhere: all that h3 reserved. */
    static VmInfo split(UUID uuid, String name, Map<String, Long> reserved, MoveInfo... moves) {
        return of(uuid, name, VmState.SPLIT, reserved, moves);
    }

    static VmInfo of(UUID uuid, String name, VmState state, Map<String, Long> reserved, MoveInfo... moves) {
        return new VmInfo(
                uuid.toString(),
                name,
                state,
                256 * MIB,
                128 * MIB,
                128 * MIB,
                0,
                null,
                reserved,
                reserved,
                FaultCounts.NONE,
                LatencyUs.NONE,
                LatencyHistogram.NONE,
                1,
                null,
                null,
                List.of(moves));
    }

    private Map<UUID, VmInfo> at(String host) {
        Map<UUID, VmInfo> there = vms.get(host);
        if (there == null) {
            throw new AssertionError("no host " + host);
        }
        return there;
    }

    private void requireAnswer(String host) throws IOException {
        if (away.contains(host)) {
            throw new UnreachableException("host " + host + " does not answer: no route");
        }
    }

    @Override
    public List<String> names() {
        return List.copyOf(vms.keySet());
    }

    @Override
    public void requireKnown(String host) throws IOException {
        if (!vms.containsKey(host)) {
            throw new IOException("host " + host + " is not known");
        }
    }

    @Override
    public List<VmInfo> vms(String host) throws IOException {
        requireAnswer(host);
        return List.copyOf(at(host).values());
    }

    @Override
    public void movePages(String host, UUID vm, MovePagesRequest request) throws IOException {
        requireAnswer(host);
        asked.add("move " + vm(vm).name() + " at " + host + " to "
                + request.to().stream().map(SubHostShare::host).collect(Collectors.joining(",")));
        if (refusal != null) {
            String why = "host " + host + " refused: " + refusal;
            throw new PeerRefusalException(new Refusal(409, refusal, why));
        }
        VmInfo now = at(host).get(vm);
        Map<String, Long> reserved = new TreeMap<>(now.reservedBytes());
        request.to().forEach(share -> reserved.put(share.host(), share.bytes() + 16 * MIB));
        at(host).put(vm, split(vm, now.name(), reserved, new MoveInfo(request.from(), MIB, 0, null, null, null)));
    }

    @Override
    public void keepPages(String host, UUID vm, String from) throws IOException {
        requireAnswer(host);
        asked.add("keep " + vm(vm).name() + " at " + host);
        VmInfo now = at(host).get(vm);
        if (now.moves().isEmpty()) {
            throw new PeerRefusalException(Refusal.of(RefusalCode.NOT_BEING_EMPTIED, "host " + host + " refused"));
        }
        at(host).put(vm, split(vm, now.name(), now.reservedBytes()));
    }

    @Override
    public long roomOf(String host) throws IOException {
        requireAnswer(host);
        return rooms.getOrDefault(host, 0L);
    }
}
