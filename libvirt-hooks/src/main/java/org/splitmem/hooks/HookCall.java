package org.splitmem.hooks;

import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.splitmem.hooks.HookDecision.Ignore;
import org.splitmem.hooks.HookDecision.IncomingMigration;
import org.splitmem.hooks.HookDecision.Refuse;
import org.splitmem.hooks.HookDecision.Released;
import org.splitmem.hooks.HookDecision.Started;
import org.splitmem.hooks.HookDecision.Stopped;
import org.splitmem.hooks.domain.DomainXml;
import org.splitmem.hooks.domain.NotSplittableException;
import org.splitmem.hooks.domain.Obstacle;
import org.splitmem.hooks.domain.ShimPaths;
import org.splitmem.hooks.domain.SplitReadiness;
import org.splitmem.hooks.domain.SplitReady;

/**
 * One call of {@code /etc/libvirt/hooks/qemu.d/splitmem}.
 *
 * @param operation libvirt's second argument, as {@code migrate}
 * @param subOperation its third, as {@code begin}
 * @param guest its first: the domain's name
 * @param xml what it wrote to the hook's standard input
 */
public record HookCall(String operation, String subOperation, String guest, String xml) {
    /**
     * What this call asks of the daemon.
     *
     * <pre>
     *   the domain does not carry the shim        Ignore, whatever its XML is
     *   migrate begin   obstacles, other uuid     Refuse
     *                   else                      IncomingMigration, with all lost parts put back
     *   started begin   obstacles, parts missing  Refuse: it would run with RAM that is not, or not only, the daemon's
     *                   else                      Started
     *   stopped end                               Stopped
     *   release end                               Released
     *   any other                                 Ignore
     * </pre>
     *
     * @throws org.splitmem.hooks.domain.InvalidDomainXmlException if the XML of a domain that carries the shim cannot be read
     */
    public HookDecision decide(ShimPaths paths) {
        // A plain domain is not even parsed: whatever is odd about it, libvirt took it, and it is not for us to refuse
        // it.
        if (!isHandled() || !mentionsShim()) {
            return new Ignore();
        }
        DomainXml domain = DomainXml.parse(xml);
        if (!SplitReady.isMarked(domain)) {
            return new Ignore();
        }
        Optional<UUID> uuid = domain.uuid();
        if (uuid.isEmpty()) {
            return new Refuse("domain " + guest + " carries the shim, but has no uuid");
        }
        return switch (operation) {
            case "migrate" -> incoming(domain, uuid.get(), paths);
            case "started" -> started(domain, uuid.get());
            case "stopped" -> new Stopped(uuid.get());
            default -> new Released(uuid.get());
        };
    }

    private boolean isHandled() {
        return switch (operation) {
            case "migrate", "started" -> subOperation.equals("begin");
            case "stopped", "release" -> subOperation.equals("end");
            default -> false;
        };
    }

    /** The same test as in the script, which so need not wait for us in vain. */
    private boolean mentionsShim() {
        return xml.contains("libsplitmem-shim") || xml.contains("SPLITMEM_VM");
    }

    private HookDecision incoming(DomainXml domain, UUID uuid, ShimPaths paths) {
        Optional<UUID> vm = SplitReady.shimVm(domain);
        if (vm.isPresent() && !vm.get().equals(uuid)) {
            return new Refuse(otherVm(vm.get(), uuid));
        }
        try {
            DomainXml adapted = SplitReady.adaptForThisHost(domain, paths);
            return new IncomingMigration(uuid, domain.name(), adapted.serialize(), domain.ramBackendBytes());
        } catch (NotSplittableException e) {
            return new Refuse(NotSplittableException.describe(domain.name(), e.obstacles()));
        }
    }

    private HookDecision started(DomainXml domain, UUID uuid) {
        Optional<UUID> vm = SplitReady.shimVm(domain);
        if (vm.isPresent() && !vm.get().equals(uuid)) {
            return new Refuse(otherVm(vm.get(), uuid));
        }
        List<Obstacle> obstacles = SplitReadiness.obstacles(domain);
        if (!obstacles.isEmpty()) {
            return new Refuse(NotSplittableException.describe(domain.name(), obstacles));
        }
        Optional<String> qmpSocket = SplitReady.qmpSocket(domain);
        if (!SplitReady.isSplitReady(domain) || qmpSocket.isEmpty()) {
            return new Refuse(
                    "domain " + domain.name() + " carries the shim, but other parts of a split-ready domain are"
                            + " missing or wrong; run: splitmem prepare " + domain.name());
        }
        return new Started(uuid, domain.name(), qmpSocket.get(), domain.ramBackendBytes());
    }

    /** As in a clone of a split-ready domain: its shim asks for the RAM of the original. */
    private String otherVm(UUID vm, UUID uuid) {
        return "domain " + guest + " has the uuid " + uuid + ", but its SPLITMEM_VM is that of " + vm
                + "; run: splitmem prepare " + guest;
    }
}
