package org.splitmem.bridge.http;

import static com.github.tomakehurst.wiremock.client.WireMock.aResponse;
import static com.github.tomakehurst.wiremock.client.WireMock.okJson;
import static org.assertj.core.api.Assertions.assertThat;

import com.github.tomakehurst.wiremock.client.ResponseDefinitionBuilder;
import com.github.tomakehurst.wiremock.http.Fault;
import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import com.github.tomakehurst.wiremock.stubbing.StubMapping;
import java.time.Duration;
import org.splitmem.bridge.http.ServiceException.Kind;

/** The ways in which any service can answer badly, and what is to become of each. */
@SuppressWarnings("ImmutableEnumChecker") // nobody changes them
public enum Bad {
    MOVED(
            status(301).withHeader("Location", "https://elsewhere/"),
            "it is said to be at https://elsewhere/",
            Kind.REDIRECTED),
    FOUND(status(302).withHeader("Location", "/login"), "it is said to be at /login", Kind.REDIRECTED),
    REFUSED(status(400), "HTTP 400: <html>a proxy", Kind.REFUSED),
    UNAUTHORIZED(status(401), "HTTP 401", Kind.UNAUTHORIZED),
    FORBIDDEN(status(403), "HTTP 403", Kind.FORBIDDEN),
    NOT_THE_SERVICE(status(404), "HTTP 404: <html>a proxy", Kind.NOT_FOUND),
    MICROVERSION(status(406), "HTTP 406", Kind.MICROVERSION),
    CONFLICT(status(409), "HTTP 409", Kind.CONFLICT),
    TOO_OFTEN(status(429).withHeader("Retry-After", "17"), "to be tried again after 17", Kind.BUSY),
    BROKEN(status(500), "HTTP 500", Kind.SERVER_ERROR),
    GATEWAY(status(502), "HTTP 502", Kind.SERVER_ERROR),
    UNAVAILABLE(
            status(503).withHeader("Retry-After", "Sat, 21 Nov 2026 13:00:00 GMT"),
            "to be tried again after Sat, 21 Nov 2026 13:00:00 GMT",
            Kind.SERVER_ERROR),
    HUGE_PAGE(status(500).withBody("x".repeat(1 << 20)), "xxx...", Kind.SERVER_ERROR),
    SLOW(okJson("{}").withFixedDelay(3000), "no answer within", Kind.TIMEOUT),
    DRIBBLES(okJson("{}" + " ".repeat(1000)).withChunkedDribbleDelay(20, 6000), "no answer within", Kind.TIMEOUT),
    RESET(aResponse().withFault(Fault.CONNECTION_RESET_BY_PEER), "broke off", Kind.TRUNCATED),
    CLOSED(aResponse().withFault(Fault.EMPTY_RESPONSE), "broke off", Kind.TRUNCATED),
    GARBAGE(aResponse().withFault(Fault.RANDOM_DATA_THEN_CLOSE), "broke off", Kind.TRUNCATED),
    BROKEN_CHUNKS(aResponse().withFault(Fault.MALFORMED_RESPONSE_CHUNK), "broke off", Kind.TRUNCATED),
    CUT(okJson("{\"a\":").withHeader("Content-Length", "5000"), "broke off", Kind.TRUNCATED),
    // Successes, as far as the status goes.
    EMPTY(okJson(""), "", Kind.MALFORMED),
    HALF(okJson("{\"a\":"), "", Kind.MALFORMED),
    PAGE(okJson("<html>log in</html>"), "", Kind.MALFORMED),
    NULL(okJson("null"), "", Kind.MALFORMED),
    TEXT(okJson("\"well\""), "", Kind.MALFORMED),
    DEEP(okJson("[".repeat(100_000)), "", Kind.MALFORMED);

    private final ResponseDefinitionBuilder answer;
    private final String words;
    private final Kind kind;

    Bad(ResponseDefinitionBuilder answer, String words, Kind kind) {
        this.answer = answer;
        this.words = words;
        this.kind = kind;
    }

    private static ResponseDefinitionBuilder status(int status) {
        return aResponse().withStatus(status).withBody("<html>a proxy\n says no</html>");
    }

    public ResponseDefinitionBuilder answer() {
        return ResponseDefinitionBuilder.like(answer.build()); // a test may add to it
    }

    /** How long the client is to wait: short only if that is what is tried, since tests may run on a slow machine. */
    public Duration limit() {
        return kind == Kind.TIMEOUT ? Duration.ofMillis(300) : Duration.ofSeconds(20);
    }

    /** Checks that it was not asked too often: a token that is refused is renewed once, and the JDK's client repeats a GET that was cut off. */
    public void checkRequests(WireMockExtension service, StubMapping answered) {
        int most = kind == Kind.UNAUTHORIZED || kind == Kind.TRUNCATED ? 2 : 1;
        // Those of an earlier test are noted when their answer has been given up, which may be now.
        assertThat(service.getAllServeEvents().stream()
                        .filter(event ->
                                answered.getId().equals(event.getStubMapping().getId())))
                .hasSizeLessThanOrEqualTo(most);
    }

    /** With a body that is none of any service's, and a status that says nothing of it. */
    public boolean isSuccess() {
        return kind == Kind.MALFORMED;
    }

    /** Checks that the failure is told by its kind and as this, with what was asked and what can be done. */
    public void check(ServiceException e, String request) {
        check(e.text(), request);
        assertThat(e.kind()).as(e.text()).isEqualTo(kind);
    }

    /** As {@link #check(ServiceException, String)}, if only the message is there. */
    public void check(String message, String request) {
        assertThat(message).startsWith(request + ": ").contains(words).hasSizeLessThan(1000);
        // What to do. Of what is refused only the service's own words can tell.
        if (kind != Kind.REFUSED && kind != Kind.CONFLICT) {
            assertThat(message).containsPattern(" \\([^()]+\\)$");
        }
    }
}
