package org.splitmem.bridge.rest;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** The API's own description. A class of its own: JAX-RS looks for a path below v1 only in classes whose path begins so. */
@Path("v1/openapi.json")
public final class DescriptionResource {
    private final String description = description();

    DescriptionResource() {}

    static String description() {
        try (InputStream stream = DescriptionResource.class.getResourceAsStream("/openapi.json")) {
            if (stream == null) {
                throw new IllegalStateException("openapi.json is not in the jar");
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalStateException("openapi.json cannot be read", e);
        }
    }

    @GET
    @Produces(MediaType.APPLICATION_JSON)
    public String openApi() {
        return description;
    }
}
