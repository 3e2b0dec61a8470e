package org.splitmem.bridge.http;

import java.net.URI;
import java.util.concurrent.atomic.AtomicInteger;

/** A new token each time one is rejected: token-1, token-2, ... */
public final class FixedCredentials implements Credentials {
    private final AtomicInteger number = new AtomicInteger(1);
    private final String endpoint;

    public FixedCredentials(String endpoint) {
        this.endpoint = endpoint;
    }

    @Override
    public String token() {
        return "token-" + number.get();
    }

    @Override
    public void rejected(String token) {
        number.incrementAndGet();
    }

    @Override
    public URI endpoint(String type) {
        return URI.create(endpoint);
    }
}
