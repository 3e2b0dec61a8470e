package org.splitmem.bridge.rest;

import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerRequestFilter;
import jakarta.ws.rs.container.PreMatching;
import java.util.Map;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;

/** The header OpenStack-API-Version: {@code split-migration 1.0}; without it the least, which is the only one so far. */
@PreMatching
final class Versions implements ContainerRequestFilter {
    static final String HEADER = "OpenStack-API-Version";
    static final String SERVICE = "split-migration";
    static final String LEAST = "1.0";
    static final String GREATEST = "1.0";

    /** Every answer has these, also those of the gate. */
    static final Map<String, String> OF_ANSWERS = Map.of(HEADER, SERVICE + " " + GREATEST, "Vary", HEADER);

    @Override
    public void filter(ContainerRequestContext request) {
        String asked = request.getHeaderString(HEADER);
        if (asked == null) {
            return;
        }
        // One header may name the versions of several services.
        for (String one : asked.split(",")) {
            String[] words = one.strip().split("\\s+");
            if (words[0].equals(SERVICE)) {
                check(words.length == 2 ? words[1] : "");
            }
        }
    }

    private static final int NOT_ACCEPTABLE = 406;

    private static void check(String version) {
        if (version.equals("latest") || version.equals(GREATEST)) {
            return;
        }
        boolean isVersion = version.matches("[0-9]+\\.[0-9]+");
        Refusal refusal = Refusal.ofBridge(
                RefusalCode.UNSUPPORTED_VERSION,
                "version '" + version + "' of " + SERVICE + " is not supported: " + LEAST + " to " + GREATEST + " are");
        throw new ApiError(isVersion ? new Refusal(NOT_ACCEPTABLE, refusal.code(), refusal.message()) : refusal);
    }
}
