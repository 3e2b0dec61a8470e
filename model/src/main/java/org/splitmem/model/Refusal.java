package org.splitmem.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;

/**
 * An answer that is not a success.
 *
 * @param status of HTTP
 * @param code for programs: the word of a {@link RefusalCode}, or one that only a newer program knows
 * @param message for people: one sentence that ends with the remedy
 */
public record Refusal(int status, String code, String message) {
    /** In place of a code, if the answer has none: it is not of splitmemd itself. */
    public static final String NO_CODE = "http";

    private static final int TRY_AGAIN = 503;

    public Refusal {
        if (status < 300 || status > 599) {
            throw new IllegalArgumentException("no status of a refusal: " + status + " " + code);
        }
        Require.text("code", code);
        Require.present("message", message);
    }

    /** Of splitmemd. */
    public static Refusal of(RefusalCode code, String message) {
        return new Refusal(code.status(), code.word(), withRemedy(code, message));
    }

    /** Of nova-bridge. */
    public static Refusal ofBridge(RefusalCode code, String message) {
        return new Refusal(code.bridgeStatus(), code.word(), withRemedy(code, message));
    }

    private static String withRemedy(RefusalCode code, String message) {
        return code.remedy().isEmpty() ? message : message + "; " + code.remedy();
    }

    /** What splitmemd answered. Never fails: what is no answer of splitmemd has {@link #NO_CODE}. */
    public static Refusal read(int status, byte[] body) {
        try {
            JsonNode error = Json.mapper().readTree(body).path("error");
            String code = error.path("code").asText("");
            String message = error.path("message").asText("");
            if (!code.isBlank() && !message.isBlank()) {
                return new Refusal(status, code, message);
            }
        } catch (IOException e) {
            // An error page of something else.
        }
        return new Refusal(status, NO_CODE, "splitmemd answered with HTTP status " + status);
    }

    public boolean is(RefusalCode expected) {
        return code.equals(expected.word());
    }

    /** The same, of what is under way already: the request may be done all the same, and is to be asked again. */
    public Refusal notYet() {
        return new Refusal(TRY_AGAIN, code, message);
    }

    /** The same, as another program tells of it. */
    public Refusal saying(String other) {
        return new Refusal(status, code, other);
    }

    /** As splitmemd answers it. */
    public ErrorBody body() {
        return ErrorBody.of(code, message);
    }
}
