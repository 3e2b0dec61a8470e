package org.splitmem.bridge.gate;

import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.keystone.Identity;
import org.splitmem.bridge.keystone.TokenValidator;

/**
 * Who callers are, without a thread of theirs waiting for Keystone: however many requests bring a token that is not remembered, it is asked for
 * once. Any thread.
 */
final class Callers {
    private final TokenValidator tokens;
    private final Lanes lanes;
    private final Predicate<Identity> isOperator;
    private final Map<String, CompletableFuture<Optional<Identity>>> asked = new ConcurrentHashMap<>();

    Callers(TokenValidator tokens, Lanes lanes, Predicate<Identity> isOperator) {
        this.tokens = tokens;
        this.lanes = lanes;
        this.isOperator = isOperator;
    }

    /** @return fails with a ServiceException if Keystone cannot be asked, and with RejectedExecutionException if too much is asked already */
    CompletableFuture<Optional<Identity>> identify(String token, @Nullable String serviceToken) {
        Optional<Identity> known = tokens.remembered(token, serviceToken);
        if (known.isPresent()) {
            return CompletableFuture.completedFuture(known);
        }
        String key = token + "\n" + serviceToken;
        CompletableFuture<Optional<Identity>> mine = new CompletableFuture<>();
        CompletableFuture<Optional<Identity>> others = asked.putIfAbsent(key, mine);
        if (others != null) {
            return others;
        }
        CompletableFuture<?> unused = mine.whenComplete((identity, failure) -> asked.remove(key, mine));
        boolean operator = tokens.lastKnown(token).filter(isOperator).isPresent();
        Map<String, String> context = MDC.getCopyOfContextMap();
        try {
            lanes.keystone(operator).execute(() -> ask(token, serviceToken, mine, context));
        } catch (RejectedExecutionException e) {
            mine.completeExceptionally(e);
        }
        return mine;
    }

    private void ask(
            String token,
            @Nullable String serviceToken,
            CompletableFuture<Optional<Identity>> answer,
            @Nullable Map<String, String> context) {
        String request = context == null ? null : context.get(Caller.REQUEST_ID);
        if (request != null) {
            MDC.put(Caller.REQUEST_ID, request);
        }
        try {
            answer.complete(tokens.identify(token, serviceToken));
        } catch (ServiceException | RuntimeException e) {
            answer.completeExceptionally(e);
        } finally {
            MDC.clear();
        }
    }
}
