package org.splitmem.memory.control;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.config.DaemonConfig;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.model.ControlAddress;
import org.splitmem.model.HostInfo;
import org.splitmem.model.HostStatus;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;

/** This host, and what it knows of the others. */
@Path("v1")
@Produces(MediaType.APPLICATION_JSON)
public final class HostResource {
    private final DaemonConfig config;
    private final VmRegistry vms;
    private final MemoryServer server;
    private final HttpPeers peers;
    private final HostFacts facts;

    HostResource(DaemonConfig config, VmRegistry vms, MemoryServer server, HttpPeers peers, HostFacts facts) {
        this.config = config;
        this.vms = vms;
        this.server = server;
        this.peers = peers;
        this.facts = facts;
    }

    @GET
    @Path("host")
    public HostInfo info() {
        long lent = server.lentBytes();
        return new HostInfo(
                config.hostName(),
                facts.version(),
                FrameSocket.VERSION,
                facts.kernel(),
                server.lendLimitBytes(),
                lent,
                server.heldBytes(),
                server.roomBytes(),
                vms.all().size(),
                config.failureDomain().isEmpty() ? null : config.failureDomain(),
                facts.linkBytesPerSecond(config.controlAddress()),
                facts.loadPercent(),
                server.isClosed() ? true : null);
    }

    @GET
    @Path("host/address")
    public ControlAddress address() {
        String address = config.controlAddress();
        return new ControlAddress(
                config.hostName(), address.isEmpty() ? null : address, config.controlPort(), config.dataPort());
    }

    /** Asks all peers at once: one that does not answer costs its time limit, not the sum of all. */
    @GET
    @Path("hosts")
    public List<HostStatus> statuses() {
        List<CompletableFuture<HostStatus>> asked = new ArrayList<>();
        asked.add(CompletableFuture.completedFuture(
                new HostStatus(config.hostName(), config.controlAddress(), true, info(), null)));
        for (PeerAddress peer : peers.directory().all()) {
            asked.add(CompletableFuture.supplyAsync(() -> status(peer)));
        }
        return asked.stream().map(CompletableFuture::join).toList();
    }

    private HostStatus status(PeerAddress peer) {
        try {
            return new HostStatus(peer.name(), peer.address(), true, peers.info(peer.name()), null);
        } catch (IOException e) {
            return new HostStatus(peer.name(), peer.address(), false, null, String.valueOf(e.getMessage()));
        }
    }

    @GET
    @Path("peers")
    public PeerList peers() {
        return peers.directory().told();
    }

    @PUT
    @Path("peers")
    public void setPeers(@Nullable PeerList list) {
        peers.directory().tell(Parameters.body(list, PeerList.class));
    }
}
