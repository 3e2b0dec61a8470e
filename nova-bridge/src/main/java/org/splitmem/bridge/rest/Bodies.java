package org.splitmem.bridge.rest;

import com.fasterxml.jackson.databind.JsonNode;
import jakarta.ws.rs.core.UriInfo;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.daemon.HostReport;
import org.splitmem.bridge.migration.PlanInput;
import org.splitmem.bridge.migration.VmPlacements;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.HostStore;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.RegisteredHost;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.HostInfo;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.VmInfo;

/** What goes over the wire, in snake_case; openapi.json describes each under the same name. */
final class Bodies {
    private Bodies() {}

    /** Asks for a migration. */
    record MigrationRequest(
            UUID instanceUuid,
            String name,
            String source,
            String destination,
            long ramMb,
            long mainMb,
            Map<String, String> extraSpecs,
            String projectId,
            String userId,
            @Nullable UUID novaMigrationUuid) {
        MigrationRequest {
            present("instance_uuid", instanceUuid);
            text("name", name);
            text("source", source);
            text("destination", destination);
            sizes(ramMb, mainMb);
            present("extra_specs", extraSpecs);
            text("project_id", projectId);
            text("user_id", userId);
        }

        PlanInput input() {
            return new PlanInput(
                    new Vm(instanceUuid, name, source, ramMb, mainMb, projectId, userId),
                    extraSpecs,
                    novaMigrationUuid);
        }
    }

    /** Asks what would be planned, of a migration or a start. A migration's request will do; of a VM that is not there yet, less is known. */
    record PlanRequest(
            @Nullable UUID instanceUuid,
            @Nullable String name,
            @Nullable String source,
            String destination,
            long ramMb,
            long mainMb,
            Map<String, String> extraSpecs,
            @Nullable String projectId,
            @Nullable String userId,
            @Nullable UUID novaMigrationUuid) {
        private static final UUID NO_INSTANCE = new UUID(0, 0);

        PlanRequest {
            text("destination", destination);
            sizes(ramMb, mainMb);
            present("extra_specs", extraSpecs);
        }

        PlanInput input() {
            UUID instance = instanceUuid == null ? NO_INSTANCE : instanceUuid;
            String host = source == null ? destination : source;
            return new PlanInput(
                    new Vm(instance, "", host, ramMb, mainMb, projectId == null ? "" : projectId, ""),
                    extraSpecs,
                    null);
        }
    }

    /**
     * Asks for the memory of a VM that is about to start.
     *
     * @param evacuatedFrom the host that ran it, and that Nova has declared dead
     */
    record PlacementRequest(
            String name,
            String host,
            long ramMb,
            long mainMb,
            Map<String, String> extraSpecs,
            String projectId,
            String userId,
            @Nullable String evacuatedFrom) {
        PlacementRequest {
            text("name", name);
            text("host", host);
            sizes(ramMb, mainMb);
            present("extra_specs", extraSpecs);
            text("project_id", projectId);
            text("user_id", userId);
            if (evacuatedFrom != null) {
                text("evacuated_from", evacuatedFrom);
            }
        }

        PlanInput input(UUID instance) {
            return new PlanInput(new Vm(instance, name, host, ramMb, mainMb, projectId, userId), extraSpecs, null);
        }
    }

    /**
     * Says where a host's splitmemd is.
     *
     * @param hypervisorHostname Nova's name of its hypervisor, which is that of its resource provider
     */
    record HostRegistration(String hypervisorHostname, String controlAddress, int controlPort, int dataPort) {
        HostRegistration {
            text("hypervisor_hostname", hypervisorHostname);
            text("control_address", controlAddress);
            port("control_port", controlPort);
            port("data_port", dataPort);
        }

        RegisteredHost host(String name) {
            return new RegisteredHost(name, hypervisorHostname, controlAddress, controlPort, dataPort);
        }
    }

    private static void port(String field, int port) {
        if (port < 1 || port > 65_535) {
            throw new IllegalArgumentException(field + " must be from 1 to 65535: " + port);
        }
    }

    private static void sizes(long ramMb, long mainMb) {
        if (mainMb < 1 || ramMb < mainMb) {
            throw new IllegalArgumentException(
                    "main_mb must be from 1 to ram_mb: main_mb " + mainMb + ", ram_mb " + ramMb);
        }
    }

    private static void text(String field, String value) {
        // Jackson passes null for an absent field, whatever the annotations say.
        if (value == null || value.isBlank() || value.length() > 255) {
            throw new IllegalArgumentException(field + " is missing, or longer than 255 characters");
        }
    }

    private static void present(String field, Object value) {
        if (value == null) {
            throw new IllegalArgumentException(field + " is missing");
        }
    }

    record SubHost(String host, long mb) {
        static List<SubHost> of(Map<String, Long> shares, HostNames names, @Nullable String project) {
            List<SubHost> all = new ArrayList<>();
            new TreeMap<>(shares).forEach((host, mb) -> all.add(new SubHost(names.of(host, project), mb)));
            return all;
        }
    }

    /** A migration. */
    record MigrationBody(
            String id,
            String instanceUuid,
            @Nullable String name,
            String status,
            String phase,
            String source,
            String destination,
            List<SubHost> subHosts,
            long ramMb,
            long budgetMb,
            long memoryTotalBytes,
            long memoryProcessedBytes,
            long memoryRemainingBytes,
            long rateBytesPerSecond,
            @Nullable Long etaSeconds,
            boolean hypervisorMayStart,
            @Nullable Double downtimeMs,
            @Nullable String reason,
            boolean abortRequested,
            @Nullable String novaMigrationUuid,
            @Nullable String requestId,
            String projectId,
            String userId,
            String createdAt,
            String updatedAt,
            @Nullable String finishedAt) {
        /** Those who do not see hosts get neither libvirt's name, which Nova keeps from them too, nor a reason, which may name hosts. */
        static MigrationBody of(Migration m, HostNames names) {
            boolean all = names == HostNames.SHOWN;
            String project = m.vm().projectId();
            Long finished = m.finishedMs();
            UUID novaMigration = m.novaMigration();
            return new MigrationBody(
                    m.id(),
                    m.instance().toString(),
                    all ? m.vm().name() : null,
                    m.status().word(),
                    m.progress().phase(),
                    names.of(m.source(), project),
                    names.of(m.destination(), project),
                    SubHost.of(m.subHosts(), names, project),
                    m.vm().ramMb(),
                    m.budgetMb(),
                    m.progress().totalBytes(),
                    m.progress().processedBytes(),
                    m.progress().remainingBytes(),
                    m.progress().rateBytesPerSecond(),
                    m.progress().etaSeconds(),
                    Boolean.TRUE.equals(m.progress().hypervisorMayStart()),
                    m.progress().downtimeMs(),
                    all ? m.reason() : null,
                    m.abortAsked(),
                    novaMigration == null ? null : novaMigration.toString(),
                    m.requestId(),
                    m.vm().projectId(),
                    m.vm().userId(),
                    time(m.createdMs()),
                    time(m.updatedMs()),
                    finished == null ? null : time(finished));
        }
    }

    private static String time(long ms) {
        return Instant.ofEpochMilli(ms).toString();
    }

    record OneMigration(MigrationBody migration) {}

    record Migrations(
            List<MigrationBody> migrations, @Nullable List<Link> migrationsLinks) {}

    /** Where a VM's memory was put. */
    record PlacementBody(String mode, long budgetMb, List<SubHost> subHosts) {
        static PlacementBody of(VmPlacements.Placement placement, HostNames names, String project) {
            return new PlacementBody(
                    placement.split() ? "split" : "whole",
                    placement.budgetMb(),
                    SubHost.of(placement.subHosts(), names, project));
        }
    }

    record OnePlacement(PlacementBody placement) {}

    /** A dry run's outcome. */
    record PlanBody(
            String mode, List<SubHost> subHosts, @Nullable String reason, String message, List<String> explanation) {
        /** Why which hosts were chosen says how all hosts are, so only those who see them get it. */
        static PlanBody of(Plan plan, HostNames names, @Nullable String project) {
            Map<String, Long> shares = new TreeMap<>();
            plan.shares().forEach(share -> shares.merge(share.host(), share.mb(), Long::sum));
            String mode = switch (plan.outcome()) {
                case WHOLE -> "whole";
                case SPLIT -> "split";
                case REFUSED -> "refused";
            };
            boolean all = names == HostNames.SHOWN;
            return new PlanBody(
                    mode,
                    SubHost.of(shares, names, project),
                    plan.reason(),
                    all ? plan.summary() : mode,
                    all ? plan.explanation() : List.of());
        }
    }

    record OnePlan(PlanBody plan) {}

    /** A VM, as its host's splitmemd tells. */
    record VmBody(
            String instanceUuid,
            @Nullable String name,
            String host,
            String state,
            long ramBytes,
            long budgetBytes,
            long residentBytes,
            long zeroBytes,
            @Nullable Long workingSetBytes,
            Map<String, Long> remoteBytes,
            long pageIns,
            long pageOuts,
            double pageInP50Us,
            double pageInP99Us,
            double pageInMaxUs,
            @Nullable String projectId) {
        static VmBody of(String host, VmInfo vm, @Nullable String projectId, HostNames names) {
            Map<String, Long> remote = new TreeMap<>();
            vm.remoteBytes().forEach((subHost, bytes) -> remote.put(names.of(subHost, projectId), bytes));
            return new VmBody(
                    vm.uuid(),
                    names == HostNames.SHOWN ? vm.name() : null,
                    names.of(host, projectId),
                    vm.state().name(),
                    vm.ramBytes(),
                    vm.budgetBytes(),
                    vm.residentBytes(),
                    vm.zeroBytes(),
                    vm.workingSetBytes(),
                    remote,
                    vm.faults().pageIns(),
                    vm.faults().pageOuts(),
                    vm.pageInUs().p50(),
                    vm.pageInUs().p99(),
                    vm.pageInUs().max(),
                    projectId);
        }
    }

    record OneVm(VmBody vm) {}

    /** VMs; those on hosts that did not answer are not among them. */
    record Vms(List<VmBody> vms, List<String> unreachable) {}

    /** A host; a lender if Placement has it as one. */
    record HostBody(
            String name,
            @Nullable String hypervisorHostname,
            @Nullable String controlAddress,
            @Nullable String registeredAt,
            @Nullable String seenAt,
            boolean reachable,
            @Nullable String error,
            boolean lender,
            @Nullable Long unclaimedMb,
            @Nullable Long lendLimitBytes,
            @Nullable Long lentBytes,
            @Nullable Long heldBytes,
            @Nullable Long freeBytes,
            @Nullable Integer vms,
            @Nullable String failureDomain,
            @Nullable Integer loadPercent,
            @Nullable Long linkBytesPerSecond) {
        /** A lender of which no address is known. */
        static HostBody ofStranger(String name, long unclaimedMb) {
            return new HostBody(
                    name,
                    null,
                    null,
                    null,
                    null,
                    false,
                    Daemons.NOT_REGISTERED,
                    true,
                    unclaimedMb,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null);
        }

        /** @param entry absent: it is only in the configuration */
        static HostBody of(HostReport report, @Nullable Long unclaimedMb, HostStore.@Nullable Entry entry) {
            HostInfo i = report.info();
            return new HostBody(
                    report.host().name(),
                    entry == null ? null : entry.host().hypervisor(),
                    report.host().authority(),
                    entry == null ? null : time(entry.sinceMs()),
                    entry == null ? null : time(entry.seenMs()),
                    i != null,
                    report.error(),
                    unclaimedMb != null,
                    unclaimedMb,
                    i == null ? null : Long.valueOf(i.lendLimitBytes()),
                    i == null ? null : Long.valueOf(i.lentBytes()),
                    i == null ? null : Long.valueOf(i.heldBytes()),
                    i == null ? null : Long.valueOf(i.freeBytes()),
                    i == null ? null : Integer.valueOf(i.vms()),
                    i == null ? null : i.failureDomain(),
                    i == null ? null : i.loadPercent(),
                    i == null ? null : i.linkBytesPerSecond());
        }
    }

    record Hosts(List<HostBody> hosts) {}

    /** A host whose lending is to end, or has not. */
    record DrainBody(
            String host,
            String state,
            long lendLimitBytes,
            long lentBytes,
            long heldBytes,
            long leavingBytes,
            long rateBytesPerSecond,
            @Nullable Long etaSeconds,
            List<LeavingBody> leaving) {
        static DrainBody of(LendingInfo info) {
            return new DrainBody(
                    info.host(),
                    info.state().name(),
                    info.limitBytes(),
                    info.lentBytes(),
                    info.heldBytes(),
                    info.leavingBytes(),
                    info.rateBytesPerSecond(),
                    info.etaSeconds(),
                    info.leaving().stream().map(LeavingBody::of).toList());
        }
    }

    /** A VM whose pages are to leave a host. */
    record LeavingBody(
            String instanceUuid,
            @Nullable String name,
            @Nullable String mainHost,
            long reservedBytes,
            long heldBytes,
            boolean moving,
            @Nullable String trouble) {
        static LeavingBody of(LeavingVm vm) {
            return new LeavingBody(
                    vm.vm(), vm.name(), vm.mainHost(), vm.reservedBytes(), vm.heldBytes(), vm.moving(), vm.trouble());
        }
    }

    record OneDrain(DrainBody drain) {}

    /** Events as CloudEvents, which go as they are. */
    record Events(List<JsonNode> events, @Nullable List<Link> eventsLinks) {}

    /** To the next page. */
    record Link(String rel, String href) {
        /** To what follows that id, with all else as it was asked. */
        static Link next(UriInfo uri, String marker) {
            String href = uri.getRequestUriBuilder()
                    .replaceQueryParam("marker", "{id}")
                    .build(marker)
                    .toString();
            return new Link("next", href);
        }
    }

    record ErrorBody(ErrorDetail error) {}

    /** In OpenStack's form; the reason is for programs and never changes. */
    record ErrorDetail(int code, String title, String message, String reason) {}
}
