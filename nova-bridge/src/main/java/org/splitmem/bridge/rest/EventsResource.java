package org.splitmem.bridge.rest;

import com.fasterxml.jackson.databind.JsonNode;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.UriInfo;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.store.EventStore.Filter;
import org.splitmem.bridge.store.EventStore.Position;
import org.splitmem.model.RefusalCode;

/** What was told of migrations and bookings. */
@Path("v1/events")
@Produces(MediaType.APPLICATION_JSON)
public final class EventsResource {
    private static final int MOST = 1000;

    private final EventStore events;
    private final Access access;

    EventsResource(EventStore events, Access access) {
        this.events = events;
        this.access = access;
    }

    @GET
    public Bodies.Events list(
            @QueryParam("instance_uuid") @Nullable String instance,
            @QueryParam("since") @Nullable String since,
            @QueryParam("limit") @Nullable String limit,
            @QueryParam("marker") @Nullable String marker,
            @Context ContainerRequestContext request,
            @Context UriInfo uri) {
        String project = access.onlyProject(request);
        Filter filter = new Filter(
                instance == null ? null : Parameters.uuid(instance),
                project,
                since == null ? Position.START.recordedUs() : Parameters.micros("since", since));
        int most = limit == null ? MOST : Parameters.number("limit", limit, 1, MOST);
        List<String> found = events.list(filter, position(filter, marker), most + 1);
        List<JsonNode> shown = new ArrayList<>();
        HostNames names = access.hostNames(request);
        found.stream()
                .limit(most)
                .forEach(json -> shown.add(ShownEvent.of(json, names, project == null ? "" : project)));
        return new Bodies.Events(
                shown,
                found.size() > most
                        ? List.of(Bodies.Link.next(
                                uri, shown.get(most - 1).path("id").asText()))
                        : null);
    }

    private Position position(Filter filter, @Nullable String marker) {
        if (marker == null) {
            return Position.START;
        }
        return events.position(filter, marker)
                .orElseThrow(() -> new ApiError(
                        RefusalCode.INVALID_PARAMETER, "marker: there is no event " + marker + ", or no longer"));
    }
}
