package org.splitmem.memory.control;

import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.hooks.HookCall;
import org.splitmem.hooks.HookDecision;
import org.splitmem.hooks.domain.InvalidDomainXmlException;
import org.splitmem.hooks.domain.ShimPaths;
import org.splitmem.memory.config.DaemonConfig;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.UnreachableException;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.PeerAddress;

/** What libvirt's hook asks. Errors are one line of plain text: libvirt shows it to whoever asked for the migration. */
@Path("v1/hooks/qemu")
@Produces(Answer.TEXT)
public final class HookResource {
    private static final Logger log = LoggerFactory.getLogger(HookResource.class);

    private final ShimPaths paths;
    private final DaemonConfig config;
    private final MigrationService migrations;
    private final HttpPeers peers;
    private final VmRegistry vms;

    HookResource(DaemonConfig config, MigrationService migrations, HttpPeers peers, VmRegistry vms) {
        this.paths = new ShimPaths(config.shimLibrary(), config.shimSocket(), config.qmpDirectory());
        this.config = config;
        this.migrations = migrations;
        this.peers = peers;
        this.vms = vms;
    }

    @POST
    @Path("{operation}/{part}")
    public Response answer(
            @PathParam("operation") String operation,
            @PathParam("part") String part,
            @QueryParam("guest") @Nullable String guest,
            byte @Nullable [] body) {
        String xml = body == null ? "" : new String(body, StandardCharsets.UTF_8);
        HookCall hook = new HookCall(operation, part, Parameters.required("guest", guest), xml);
        try {
            return act(hook.decide(paths));
        } catch (InvalidDomainXmlException e) {
            return text(400, "the domain's XML is not understood: " + e.getMessage());
        }
    }

    private static Response text(int status, String text) {
        return Response.status(status).entity(text).build();
    }

    /** Nothing is wrong, but what was asked for is not there yet: to be asked again, at once. */
    private static Response notYet() {
        return text(202, "");
    }

    private Response act(HookDecision decision) {
        if (decision instanceof HookDecision.Ignore) {
            return text(200, "");
        }
        if (decision instanceof HookDecision.Refuse refuse) {
            return text(409, refuse.reason());
        }
        if (decision instanceof HookDecision.IncomingMigration incoming) {
            return incoming(incoming);
        }
        if (decision instanceof HookDecision.Started started) {
            return started(started);
        }
        if (decision instanceof HookDecision.Stopped stopped) {
            return ended(stopped.uuid());
        }
        return decision instanceof HookDecision.Released released ? ended(released.uuid()) : text(200, "");
    }

    /** Prepared by a migration that the daemon was asked for; or, after a plain virsh migrate, asked for now. */
    private Response incoming(HookDecision.IncomingMigration incoming) {
        UUID uuid = incoming.uuid();
        try {
            if (!isNearlyHere(uuid)) {
                return notYet();
            }
        } catch (IOException e) {
            return text(502, String.valueOf(e.getMessage()));
        }
        Vm vm = expected(uuid);
        if (vm == null) {
            return text(
                    409,
                    "no memory was prepared on " + config.hostName() + " for VM " + incoming.name()
                            + ", and no peer in splitmem.conf has it; is splitmemd running on its host?");
        }
        if (!vm.record().backendBytes().equals(incoming.backends())) {
            return text(
                    409,
                    "VM " + incoming.name() + " would have RAM backends of " + incoming.backends() + " B here, but "
                            + vm.record().backendBytes() + " B were prepared");
        }
        return text(200, incoming.xml());
    }

    private @Nullable Vm expected(UUID uuid) {
        return migrations.incoming().isExpected(uuid) ? vms.find(uuid) : null;
    }

    /**
     * Whoever has the VM is asked for a migration to here, unless there is one. libvirt is held now rather than once it has
     * started QEMU: then it would hold the domain's lock, too, and could not even list its domains.
     *
     * @return false if its memory is still to come
     */
    private boolean isNearlyHere(UUID uuid) throws IOException {
        Vm vm = expected(uuid);
        VmRecord.Lender source = vm == null ? null : vm.record().source();
        if (source != null) {
            return peers.awaitReady(source.host(), uuid, config.hostName(), false, true) == HttpPeers.Readiness.READY;
        }
        for (PeerAddress peer : peers.directory().all()) {
            try {
                HttpPeers.Readiness how = peers.awaitReady(peer.name(), uuid, config.hostName(), true, true);
                if (how != HttpPeers.Readiness.NO_VM) {
                    return how == HttpPeers.Readiness.READY;
                }
            } catch (UnreachableException e) {
                log.info("vm={} is not looked for on {}: {}", uuid, peer.name(), e.getMessage());
            }
        }
        return true; // nobody has it: the caller says so
    }

    /** QEMU waits for its stream: it is told to expect no RAM, and held until nearly all of that is here. */
    private Response started(HookDecision.Started started) {
        UUID uuid = started.uuid();
        try {
            Vm vm = expected(uuid);
            VmRecord.Lender source = vm == null ? null : vm.record().source();
            if (source == null) {
                return startedHere(started);
            }
            migrations.incoming().qemuStarted(uuid);
            return switch (peers.awaitReady(source.host(), uuid, config.hostName(), false, false)) {
                case READY -> {
                    migrations.incoming().streamBegins(uuid);
                    yield text(200, "");
                }
                case NOT_YET -> notYet();
                case NO_VM -> text(409, source.host() + " does not migrate VM " + started.name() + " any more");
            };
        } catch (IOException e) {
            return text(502, "VM " + started.name() + " cannot receive its migration: " + e.getMessage());
        }
    }

    /** By now QEMU has made its RAM: if that is not the daemon's, the VM could never be split, and its RAM would be in no books. */
    private Response startedHere(HookDecision.Started started) {
        Vm vm = vms.find(started.uuid());
        long missing = vm == null ? 0 : vm.missingBytes();
        if (missing > 0) { // it is split from its first page on, and would wait for the rest for ever
            return text(
                    409,
                    "VM " + started.name() + " has " + missing + " B less RAM than when it was split: split it anew, "
                            + "or start it whole after \"splitmem forget " + started.uuid() + "\"");
        }
        List<Long> attached = vm == null ? List.of() : vm.record().backendBytes();
        if (attached.equals(started.backends())) {
            return text(200, "");
        }
        return text(
                409,
                "QEMU of VM " + started.name() + " has taken RAM backends of " + attached
                        + " B from splitmemd, and the domain" + " has " + started.backends()
                        + " B; its log says why: libvirt's qemu/" + started.name() + ".log");
    }

    private Response ended(UUID uuid) {
        log.debug("vm={} libvirt says that its QEMU has ended", uuid);
        migrations.sweep(System.nanoTime());
        return text(200, "");
    }
}
