package org.splitmem.cli.control;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.AbortReason;
import org.splitmem.model.BudgetRequest;
import org.splitmem.model.DrainRequest;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;
import org.splitmem.model.GatherRequest;
import org.splitmem.model.HostStatus;
import org.splitmem.model.InvalidJsonException;
import org.splitmem.model.Json;
import org.splitmem.model.LendRequest;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.Refusal;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.UrlText;
import org.splitmem.model.VmInfo;

/**
 * Asks the splitmemd of this host.
 *
 * <p>Each method throws {@link ControlException} if splitmemd refuses, and {@link DaemonUnreachableException} if it cannot be asked or its
 * answer cannot be read.
 */
public final class ControlClient {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final UnixHttp http;

    /** A client for the daemon at this socket; does not connect yet. */
    public ControlClient(Path socket) {
        this(socket, TIMEOUT);
    }

    ControlClient(Path socket, Duration timeout) {
        this.http = new UnixHttp(socket, timeout);
    }

    /** This host and every peer. */
    public List<HostStatus> hosts() {
        return List.of(ask("GET", "/v1/hosts", null, HostStatus[].class));
    }

    public List<VmInfo> vms() {
        return List.of(ask("GET", "/v1/vms", null, VmInfo[].class));
    }

    /** @param vm uuid or name */
    public VmInfo vm(String vm) {
        return ask("GET", "/v1/vms/" + UrlText.segment(vm), null, VmInfo.class);
    }

    /** @param vm uuid or name */
    public VmInfo setBudget(String vm, long bytes) {
        return ask("PUT", "/v1/vms/" + UrlText.segment(vm) + "/budget", new BudgetRequest(bytes), VmInfo.class);
    }

    /**
     * Has all of a split VM come to its main host, which goes on when this returns.
     *
     * @param vm uuid or name
     */
    public VmInfo gather(String vm, GatherRequest request) {
        return ask("POST", "/v1/vms/" + UrlText.segment(vm) + "/gather", request, VmInfo.class);
    }

    /**
     * Has a sub-host of a split VM emptied onto others, which goes on when this returns.
     *
     * @param vm uuid or name
     */
    public VmInfo movePages(String vm, MovePagesRequest request) {
        return ask("POST", movesOf(vm), request, VmInfo.class);
    }

    /**
     * Ends that: the sub-host keeps what it still has.
     *
     * @param vm uuid or name
     * @param from name of the sub-host
     */
    public VmInfo cancelMove(String vm, String from) {
        return ask("DELETE", movesOf(vm) + "/" + UrlText.segment(from), null, VmInfo.class);
    }

    private static String movesOf(String vm) {
        return "/v1/vms/" + UrlText.segment(vm) + "/move-pages";
    }

    /**
     * Splits a VM on the host where it is; one that is not there yet, as soon as it starts: its state is EXPECTED then.
     *
     * @param vm uuid, or name of one that is there
     */
    public VmInfo split(String vm, SplitRequest request) {
        return ask("POST", "/v1/vms/" + UrlText.segment(vm) + "/split", request, VmInfo.class);
    }

    /**
     * A VM that is not there is not split any more when it starts; refused with status 404 if it would not be, and with 409 while it
     * runs split.
     */
    public void forget(String vm) {
        ask("DELETE", "/v1/vms/" + UrlText.segment(vm) + "/split", null);
    }

    /** What a host lends, this one or a peer, and how far it is with what it is to lend no more. */
    public LendingInfo lending(String host) {
        return ask("GET", lendingOf(host), null, LendingInfo.class);
    }

    /** Has a host emptied of what it keeps for others, which goes on when this returns. */
    public LendingInfo drain(String host, DrainRequest request) {
        return ask("POST", lendingOf(host) + "/drain", request, LendingInfo.class);
    }

    /** Ends that; refused with status 409 if the host is not drained. */
    public LendingInfo cancelDrain(String host) {
        return ask("DELETE", lendingOf(host) + "/drain", null, LendingInfo.class);
    }

    /** Changes how much a host lends. */
    public LendingInfo lend(String host, LendRequest request) {
        return ask("PUT", lendingOf(host) + "/limit", request, LendingInfo.class);
    }

    /** A host lends again what its configuration says. */
    public LendingInfo lendAsConfigured(String host) {
        return ask("DELETE", lendingOf(host) + "/limit", null, LendingInfo.class);
    }

    private static String lendingOf(String host) {
        return "/v1/hosts/" + UrlText.segment(host) + "/lending";
    }

    /** States that a host is dead; refused with status 409 while it answers. */
    public FenceResult fence(FenceRequest request) {
        return ask("POST", "/v1/fences", request, FenceResult.class);
    }

    /**
     * Starts a migration.
     *
     * @param vm uuid or name
     */
    public MigrationInfo migrate(String vm, MigrationRequest request) {
        return ask("POST", "/v1/vms/" + UrlText.segment(vm) + "/migrations", request, MigrationInfo.class);
    }

    public List<MigrationInfo> migrations() {
        return List.of(ask("GET", "/v1/migrations", null, MigrationInfo[].class));
    }

    /**
     * What is under way on this host.
     *
     * @param ended whether those that are over are wanted, too
     */
    public List<OperationInfo> operations(boolean ended) {
        return List.of(ask("GET", "/v1/operations" + (ended ? "?ended=true" : ""), null, OperationInfo[].class));
    }

    /**
     * Has an operation ended before its time, which may take a moment. One that is over is answered as it ended.
     *
     * @param reason who wants it and why
     */
    public OperationInfo cancel(String id, String reason) {
        return ask(
                "DELETE",
                "/v1/operations/" + UrlText.segment(id)
                        + AbortReason.because(reason).query(),
                null,
                OperationInfo.class);
    }

    public MigrationInfo migration(String id) {
        return ask("GET", "/v1/migrations/" + UrlText.segment(id), null, MigrationInfo.class);
    }

    /**
     * Has a migration given up, which takes a moment; refused with status 409 after handover. One that is over is answered as it ended.
     *
     * @param reason who wants it and why
     */
    public MigrationInfo abort(String id, String reason) {
        return ask(
                "DELETE",
                "/v1/migrations/" + UrlText.segment(id)
                        + AbortReason.because(reason).query(),
                null,
                MigrationInfo.class);
    }

    /** Lets a migration be ready after its current round; refused with status 409 after handover. */
    public MigrationInfo complete(String id) {
        return ask("POST", "/v1/migrations/" + UrlText.segment(id) + "/complete", null, MigrationInfo.class);
    }

    private <T> T ask(String method, String target, @Nullable Object body, Class<T> type) {
        UnixHttp.Answer answer = ask(method, target, body);
        try {
            return Json.read(answer.body(), type);
        } catch (InvalidJsonException e) {
            throw new DaemonUnreachableException(
                    "splitmemd at " + http.socket() + " answers in another way than this program knows ("
                            + e.getMessage() + "): install the same version of both",
                    new IOException(e));
        }
    }

    private UnixHttp.Answer ask(String method, String target, @Nullable Object body) {
        try {
            UnixHttp.Answer answer = http.send(method, target, body == null ? null : Json.writeBytes(body));
            if (answer.status() >= 400) {
                throw new ControlException(
                        Refusal.read(answer.status(), answer.body().getBytes(StandardCharsets.UTF_8)));
            }
            return answer;
        } catch (SocketTimeoutException e) {
            throw new DaemonUnreachableException("splitmemd at " + http.socket() + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new DaemonUnreachableException(
                    "cannot talk to splitmemd at " + http.socket() + ": " + e.getMessage()
                            + ": see 'systemctl status splitmemd', or choose another socket by --socket",
                    e);
        }
    }
}
