package org.splitmem.bridge.daemon;

import static com.github.tomakehurst.wiremock.client.WireMock.any;
import static com.github.tomakehurst.wiremock.client.WireMock.anyRequestedFor;
import static com.github.tomakehurst.wiremock.client.WireMock.anyUrl;
import static com.github.tomakehurst.wiremock.client.WireMock.okJson;
import static com.github.tomakehurst.wiremock.core.WireMockConfiguration.wireMockConfig;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import com.github.tomakehurst.wiremock.stubbing.StubMapping;
import com.github.tomakehurst.wiremock.verification.LoggedRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.splitmem.bridge.http.Bad;
import org.splitmem.bridge.http.Deadline;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.Handover;
import org.splitmem.model.Json;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.PeerList;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** Every way in which a host's splitmemd, or what is mistaken for it, can answer badly. */
class BadDaemonsTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");

    @RegisterExtension
    static final WireMockExtension WIRE = WireMockExtension.newInstance()
            .options(wireMockConfig().dynamicPort())
            .build();

    private static Daemons daemons(Duration limit, HostAddress... more) {
        List<HostAddress> all = new ArrayList<>(List.of(more));
        all.add(new HostAddress("h1", "127.0.0.1", WIRE.getPort()));
        return new Daemons(new FixedDirectory(all), "key", limit);
    }

    private interface Question {
        void ask(Daemons daemons) throws ServiceException;
    }

    /** What can be asked of one host. */
    @SuppressWarnings("ImmutableEnumChecker") // nobody changes them
    private enum Asked {
        VM_OF("GET /v1/vms/" + VM, d -> d.vm("h1", VM)),
        MIGRATION("GET /v1/migrations/m1", d -> d.migration("h1", "m1")),
        MIGRATIONS("GET /v1/migrations", d -> d.migrations("h1")),
        MIGRATE(
                "POST /v1/vms/" + VM + "/migrations",
                d -> d.migrate("h1", VM, new MigrationRequest("h2", 1L, List.of(), null, null, Handover.HYBRID))),
        ABORT("DELETE /v1/migrations/m1", d -> d.abort("h1", "m1", "the test is over")),
        COMPLETE("POST /v1/migrations/m1/complete", d -> d.complete("h1", "m1")),
        SPLIT("POST /v1/vms/" + VM + "/split", d -> d.split("h1", VM, "db1", 2, 1, List.of())),
        PEERS("GET /v1/peers", d -> d.peers("h1")),
        TELL_PEERS("PUT /v1/peers", d -> d.tellPeers("h1", new PeerList(List.of()))),
        TAKE_BACK("DELETE /v1/vms/" + VM + "/split", d -> d.takeBackSplit("h1", VM));

        private final String request;
        private final Question question;

        Asked(String request, Question question) {
            this.request = "splitmemd " + request + " on h1";
            this.question = question;
        }
    }

    /** Whether these were done their status alone tells. */
    private static final Set<Asked> STATUS_TELLS = Set.of(Asked.TAKE_BACK, Asked.TELL_PEERS);

    static Stream<Arguments> everything() {
        return Stream.of(Asked.values())
                .flatMap(asked -> Stream.of(Bad.values())
                        .filter(bad -> !STATUS_TELLS.contains(asked) || !bad.isSuccess())
                        .map(bad -> Arguments.of(asked, bad)));
    }

    @ParameterizedTest
    @MethodSource("everything")
    void anAnswerThatIsBadIsAnErrorThatSaysWhatToDo(Asked asked, Bad bad) {
        StubMapping answered = WIRE.stubFor(any(anyUrl()).willReturn(bad.answer()));
        try (Daemons daemons = daemons(bad.limit())) {
            bad.check(failure(daemons, asked.question), asked.request);
        }
        bad.checkRequests(WIRE, answered);
    }

    @Nullable
    private static ServiceException failure(Daemons daemons, Question question) {
        return catchThrowableOfType(ServiceException.class, () -> question.ask(daemons));
    }

    @ParameterizedTest
    @EnumSource
    void ofSeveralHostsTheOthersCountOnAllTheSame(Bad bad) throws Exception {
        WIRE.stubFor(any(anyUrl()).willReturn(bad.answer()));
        try (FakeHosts well = new FakeHosts("h2");
                Daemons daemons =
                        daemons(bad.limit().plusSeconds(2), well.addresses().get(0))) {
            well.runs("h2", VM, 512);

            List<HostReport> reports = daemons.reports();
            assertThat(reports.get(0).info()).isNull();
            bad.check(String.valueOf(reports.get(0).error()), "splitmemd GET /v1/host on h1");
            assertThat(reports.get(1).info()).isNotNull();
            List<Daemons.VmReport> vms = daemons.vms();
            assertThat(vms.get(0).vms()).isNull();
            bad.check(String.valueOf(vms.get(0).error()), "splitmemd GET /v1/vms on h1");
            assertThat(vms.get(1).vms()).hasSize(1);
        }
    }

    @Test
    void aHostThatHangsIsWaitedForOnceByThoseWhoChoose() throws Exception {
        try (FakeHosts hosts = new FakeHosts("h1");
                Daemons daemons = new Daemons(new FixedDirectory(hosts.addresses()), "key", Duration.ofMillis(1200))) {
            hosts.mood("h1", FakeHosts.Mood.HANGS);
            List<HostReport> first = daemons.quickReports();
            assertThat(first.get(0).info()).isNull();

            assertThat(daemons.quickReports()).isEqualTo(first);
            assertThat(hosts.hanging("h1")).isEqualTo(1);

            hosts.mood("h1", FakeHosts.Mood.WELL);
            assertThat(daemons.vms().get(0).vms())
                    .as("of the truth nothing is hidden")
                    .isEmpty();
        }
    }

    /** Of so many seconds, as it was sent last. */
    private static int timeOfTheHost() {
        LoggedRequest last = WIRE.findAll(anyRequestedFor(anyUrl())).get(0);
        WIRE.resetRequests();
        return Integer.parseInt(last.getHeader("X-Splitmem-Timeout"));
    }

    /** Else a host would go on with what the bridge has given up. */
    @Test
    @SuppressWarnings("try") // a scope
    void aHostHasLessTimeForItsAnswerThanTheBridgeWaits() throws Exception {
        WIRE.stubFor(any(anyUrl()).willReturn(okJson("{}")));
        try (Daemons daemons = daemons(Duration.ofSeconds(30))) {
            daemons.split("h1", VM, "db1", 2, 1, List.of());
            assertThat(timeOfTheHost()).isBetween(27, 29);

            try (Deadline.Scope unused = Deadline.after(System.nanoTime(), Duration.ofSeconds(15))) {
                daemons.split("h1", VM, "db1", 2, 1, List.of());
            }
            assertThat(timeOfTheHost()).as("of a request that ends before").isBetween(12, 14);
        }
    }

    /** All hosts are asked at once, on other threads than the request's. */
    @Test
    @SuppressWarnings("try") // a scope
    void noHostIsWaitedForLongerThanTheRequestMayTake() throws Exception {
        try (FakeHosts hosts = new FakeHosts("h1", "h2");
                Daemons daemons = new Daemons(new FixedDirectory(hosts.addresses()), "key", Duration.ofSeconds(20));
                Deadline.Scope unused = Deadline.after(System.nanoTime(), Duration.ofSeconds(2))) {
            hosts.mood("h1", FakeHosts.Mood.HANGS);
            long startNs = System.nanoTime();

            List<HostReport> reports = daemons.reports();

            assertThat(Duration.ofNanos(System.nanoTime() - startNs)).isLessThan(Duration.ofSeconds(10));
            assertThat(reports.get(0).error()).contains("h1");
            assertThat(reports.get(1).info()).isNotNull();
        }
    }

    /** It asks for 8 s whether the other host is dead, and then for 8 s all hosts that are left. */
    @Test
    void aHostHasTheTimeThatFencingTakes() throws Exception {
        WIRE.stubFor(any(anyUrl()).willReturn(okJson("{\"freed\":[],\"unreachable\":[]}")));
        try (Daemons daemons = daemons(Duration.ofSeconds(10))) {
            daemons.fence("h1", "h2", VM);
        }
        assertThat(timeOfTheHost()).isBetween(17, 19);
    }

    /** A VM, as a host tells it, with one thing changed. */
    private static String vm(String what, String other) {
        VmInfo info = new VmInfo(
                VM.toString(),
                "db1",
                VmState.LOCAL,
                5,
                6,
                7,
                0,
                null,
                Map.of("h3", 1L),
                Map.of("h3", 2L),
                FaultCounts.NONE,
                LatencyUs.NONE,
                LatencyHistogram.NONE,
                1,
                null,
                null,
                List.of());
        String vm = Json.write(info).replace('"', '\'');
        assertThat(vm).contains(what);
        return vm.replace(what, other).replace('\'', '"');
    }

    @Test
    void aVmIsRead() throws Exception {
        WIRE.stubFor(any(anyUrl()).willReturn(okJson(vm("'epoch':1", "'epoch':1,'colour':'of a newer version'"))));
        try (Daemons daemons = daemons(Duration.ofSeconds(20))) {
            assertThat(daemons.vm("h1", VM)).isPresent();
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'name':'db1',        | ''                              ",
                "'name':'db1'         | 'name':5                        ",
                "'ramBytes':5         | 'ramBytes':'5'                  ",
                "'ramBytes':5         | 'ramBytes':5.5                  ",
                "'ramBytes':5         | 'ramBytes':-5                   ",
                "'ramBytes':5         | 'ramBytes':99999999999999999999 ",
                "'ramBytes':5         | 'ramBytes':null                 ",
                "'state':'LOCAL'      | 'state':'ASLEEP'                ",
                "'state':'LOCAL'      | 'state':0                       ",
                "'remoteBytes':{'h3':1} | 'remoteBytes':{'h3':null}     ",
                "'remoteBytes':{'h3':1} | 'remoteBytes':[]              ",
                "6d1f0000             | me                              ",
                "6d1f0000             | 6d1f0001                        ",
            },
            quoteCharacter = '`')
    void aVmThatIsNotWhatTheApiPromisesIsMalformed(String what, String other) {
        WIRE.stubFor(any(anyUrl()).willReturn(okJson(vm(what, other.equals("''") ? "" : other))));
        try (Daemons daemons = daemons(Duration.ofSeconds(20))) {
            assertThat(failure(daemons, d -> d.vm("h1", VM)))
                    .hasMessageStartingWith("splitmemd GET /v1/vms/" + VM + " on h1: ")
                    .extracting(ServiceException::kind)
                    .isEqualTo(Kind.MALFORMED);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"[null] | null in a list", "{} | not what was expected", "[{}] | not what was expected"})
    void aListThatIsNoneCountsAsNoAnswer(String body, String words) {
        WIRE.stubFor(any(anyUrl()).willReturn(okJson(body)));
        try (Daemons daemons = daemons(Duration.ofSeconds(20))) {
            assertThat(daemons.vms().get(0).error()).contains(words);
            assertThat(daemons.vms().get(0).vms()).isNull();
            assertThat(failure(daemons, d -> d.migrations("h1"))).hasMessageContaining(words);
            WIRE.stubFor(any(anyUrl()).willReturn(okJson("[" + vm("6d1f0000", "me") + "]")));
            assertThat(daemons.vms().get(0).error()).contains("not a uuid: me-");
        }
    }

    @Test
    void onlyTheDaemonsOwnWordIsThatThereIsNone() throws Exception {
        WIRE.stubFor(any(anyUrl())
                .willReturn(okJson("{\"error\":{\"code\":\"vm-not-found\",\"message\":\"none\"}}")
                        .withStatus(404)));
        try (Daemons daemons = daemons(Duration.ofSeconds(20))) {
            assertThat(daemons.vm("h1", VM)).isEmpty();
            assertThat(daemons.migration("h1", "m1")).isEmpty();
            daemons.takeBackSplit("h1", VM);
        }
    }

    @Test
    void whoIsNotThereIsUnreachable() {
        try (Daemons daemons = new Daemons(
                new FixedDirectory(List.of(new HostAddress("h1", "127.0.0.1", 1))), "key", Duration.ofSeconds(20))) {
            assertThat(daemons.reports().get(0).error())
                    .isEqualTo("splitmemd GET /v1/host on h1: no connection to 127.0.0.1:1"
                            + " (does it run, and is its address right?)");
            assertThat(failure(daemons, d -> d.vm("h9", VM))).hasMessage("host h9 " + Daemons.NOT_REGISTERED);
        }
    }
}
