package org.splitmem.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.splitmem.events.Event;
import org.splitmem.model.PlainText;

/** Events as people read them, a line each. Pure functions. */
final class EventText {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

    private static final int PAGE_BYTES = 4096;

    private EventText() {}

    static String line(Event event) {
        JsonNode data = event.data();
        String what = switch (event.topic()) {
            case MIGRATION -> migration(data);
            case PLACEMENT -> placement(event.kind(), data);
            case PAGING -> paging(data);
            case VM -> vm(event.kind(), data);
        };
        return PlainText.line(
                TIME.format(event.time()) + "  " + data.path("name").asText(event.key()) + "  " + what);
    }

    private static String migration(JsonNode data) {
        List<String> parts = new ArrayList<>();
        parts.add(
                data.path("source").asText() + " -> " + data.path("destination").asText());
        parts.addAll(ofASplitVm(data));
        parts.add(data.path("phase").asText().toLowerCase(Locale.ROOT));
        if (!data.path("unseen").asBoolean()) {
            parts.add(Text.size(data.path("bytesRemaining").asLong()) + " of "
                    + Text.size(data.path("bytesTotal").asLong()) + " left");
        }
        if (data.has("downtimeMs")) {
            parts.add(String.format(
                    Locale.ROOT, "downtime %.0f ms", data.path("downtimeMs").asDouble()));
        }
        if (data.has("reason")) {
            parts.add(data.path("reason").asText());
        }
        return "migration " + String.join(", ", parts);
    }

    /** What it changes of a VM that was split; nothing of a whole one. */
    private static List<String> ofASplitVm(JsonNode data) {
        String kind = data.path("kind").asText();
        if (kind.isEmpty() || kind.equals("one-to-one") || kind.equals("one-to-n")) {
            return List.of();
        }
        long staying = data.path("pagesStaying").asLong();
        return staying == 0 ? List.of(kind) : List.of(kind, Text.size(staying * PAGE_BYTES) + " stay on sub-hosts");
    }

    private static String vm(String kind, JsonNode data) {
        String budget = Text.size(data.path("budgetBytes").asLong());
        String remote = Text.size(data.path("remoteBytes").asLong());
        String subHost = data.path("subHost").asText();
        String what = switch (kind) {
            case "budget" -> "budget " + Text.size(data.path("beforeBytes").asLong()) + " -> " + budget;
            case "sub-host-lost" -> "sub-host " + subHost + " does not answer, it keeps " + remote;
            case "sub-host-back" -> "sub-host " + subHost + " answers again, it keeps " + remote;
            case "moved" -> "main host before: " + data.path("beforeHost").asText() + "; " + remote + " on sub-hosts";
            case "gathering" -> "what its sub-hosts keep comes back, " + remote;
            case "sub-host-emptying" ->
                "sub-host " + subHost + (data.path("draining").asBoolean() ? ", which is drained," : "")
                        + " is being emptied onto others, it keeps " + remote;
            case "sub-host-emptied" -> "sub-host " + subHost + " keeps nothing of it any more";
            case "sub-host-kept" -> "sub-host " + subHost + " is emptied no more, it keeps " + remote;
            case "pages-lost" ->
                "guest frozen on pages that cannot be had, "
                        + data.path("lostPages").asLong() + " faults";
            case "obstacle" ->
                "nothing is sent out any more: " + data.path("obstacle").asText();
            default -> kind + ", budget " + budget + ", " + remote + " on sub-hosts"; // also of kinds that come later
        };
        return "on " + data.path("host").asText() + ": " + what;
    }

    private static String placement(String kind, JsonNode data) {
        List<String> parts = new ArrayList<>();
        for (JsonNode allocation : data.path("allocations")) {
            parts.add(allocation.path("mb").asLong() + " MB on "
                    + allocation.path("host").asText());
        }
        String what = parts.isEmpty() ? "nothing" : String.join(" + ", parts);
        return "placement " + kind + ": " + what + " (" + data.path("reason").asText() + ")";
    }

    private static String paging(JsonNode data) {
        JsonNode latency = data.path("faultLatency");
        long count = latency.path("count").asLong();
        String mean = count == 0 ? "" : ", " + Text.micros(latency.path("sumUs").asDouble() / count) + " a fault";
        long dropped = data.path("dropped").asLong();
        return String.format(
                Locale.ROOT,
                "paging on %s, %.0f s: %d in, %d out, %d refaults, %d stalls%s, %s resident%s",
                data.path("host").asText(),
                (data.path("toMs").asLong() - data.path("fromMs").asLong()) / 1e3,
                data.path("pageIns").asLong(),
                data.path("pageOuts").asLong(),
                data.path("refaults").asLong(),
                data.path("stalls").asLong(),
                mean,
                Text.size(data.path("residentBytes").asLong()),
                dropped == 0 ? "" : ", " + dropped + " samples before this one were dropped");
    }
}
