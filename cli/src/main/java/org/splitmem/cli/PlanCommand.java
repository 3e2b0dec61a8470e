package org.splitmem.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.cli.bridge.BridgeClient;
import org.splitmem.cli.bridge.PlanRequest;
import org.splitmem.model.Json;
import org.splitmem.model.PlainText;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "plan",
        description = {
            "Ask nova-bridge where a VM's memory would go; nothing is booked.",
            "Without --source the VM would start on the destination, with it be migrated there. Needs no splitmemd.",
            "The token is OS_TOKEN, or asked for with OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and the other variables of the "
                    + "openstack client. The status is 1 if there is no room."
        })
final class PlanCommand implements Runnable {
    private static final String ENABLED = "splitmem:enabled";

    @ParentCommand
    private Splitmem splitmem;

    @Option(
            names = "--destination",
            required = true,
            paramLabel = "HOST",
            description = "Where the VM is to run, as Nova calls it.")
    private String destination;

    @Option(names = "--source", paramLabel = "HOST", description = "Where it runs now.")
    private @Nullable String source;

    @Option(names = "--ram-mb", required = true, paramLabel = "MB", description = "The flavor's RAM.")
    private long ramMb;

    @Option(
            names = "--main-mb",
            required = true,
            paramLabel = "MB",
            description = "The flavor's resources:MEMORY_MB: what stays on the destination if the VM is split.")
    private long mainMb;

    @Option(
            names = "--extra-spec",
            paramLabel = "KEY=VALUE",
            description = {
                "An extra spec of the flavor, as in splitmem:max_sub_hosts=2; repeat it for more.",
                ENABLED + "=true goes without saying."
            })
    private Map<String, String> extraSpecs = new LinkedHashMap<>();

    @Option(
            names = "--instance",
            paramLabel = "UUID",
            description = "The server, if there is one: hosts that have its pages are preferred.")
    private @Nullable UUID instance;

    @Option(names = "--explain", description = "Say for each host why it was chosen, or why not.")
    private boolean explain;

    @Option(
            names = "--bridge",
            paramLabel = "URL",
            description = "nova-bridge. Default: $SPLITMEM_BRIDGE, or as in Keystone's catalog (split-migration).")
    private @Nullable String bridge;

    @Override
    public void run() {
        Map<String, String> specs = new LinkedHashMap<>(extraSpecs);
        specs.putIfAbsent(ENABLED, "true");
        JsonNode plan =
                bridge(splitmem, bridge).plan(new PlanRequest(instance, source, destination, ramMb, mainMb, specs));
        boolean refused = plan.path("mode").asText().equals("refused");
        if (splitmem.json()) {
            splitmem.out().println(Json.write(plan));
        } else {
            print(plan, refused);
        }
        if (refused) {
            throw new CommandFailedException("refused, " + plan.path("reason").asText() + ": "
                    + plan.path("message").asText());
        }
    }

    /** @param url null: as in the environment, or Keystone's catalog */
    static BridgeClient bridge(Splitmem splitmem, @Nullable String url) {
        Map<String, String> environment = splitmem.surroundings().environment();
        return BridgeClient.find(url == null ? environment.get("SPLITMEM_BRIDGE") : url, environment);
    }

    private void print(JsonNode plan, boolean refused) {
        if (!refused) {
            printShares(plan);
        }
        if (explain) {
            printExplanation(plan, refused);
        }
    }

    private void printShares(JsonNode plan) {
        boolean split = plan.path("mode").asText().equals("split");
        splitmem.out()
                .println(PlainText.line(
                        plan.path("mode").asText() + ": " + plan.path("message").asText()));
        splitmem.out().println();
        Table shares = new Table("", "HOST", "ROLE", ">MB");
        shares.row(destination, "main host", Long.toString(split ? mainMb : ramMb));
        for (JsonNode share : plan.path("sub_hosts")) {
            shares.row(share.path("host").asText(), "sub-host", share.path("mb").asText());
        }
        shares.print(splitmem.out());
    }

    private void printExplanation(JsonNode plan, boolean refused) {
        if (!refused) {
            splitmem.out().println();
        }
        Table hosts = new Table("no sub-hosts were looked for", "HOST", "WHY, OR WHY NOT");
        for (JsonNode line : plan.path("explanation")) {
            String[] parts = line.asText().split(": ", 2);
            hosts.row(parts[0], parts.length == 2 ? parts[1] : "");
        }
        hosts.print(splitmem.out());
    }
}
