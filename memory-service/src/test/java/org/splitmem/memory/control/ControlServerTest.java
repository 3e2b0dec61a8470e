package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.hooks.domain.DomainXml;
import org.splitmem.hooks.domain.ShimPaths;
import org.splitmem.hooks.domain.SplitReady;
import org.splitmem.memory.config.DaemonConfig;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.ControlAddress;
import org.splitmem.model.ErrorBody;
import org.splitmem.model.HostInfo;
import org.splitmem.model.Json;
import org.splitmem.model.PeerList;

/** The control API on a real Unix socket and a real TCP port, over a daemon's real objects. */
class ControlServerTest {
    private static final String KEY = TestControl.KEY;
    private static final UUID VM = TestVms.UUID_OF_VM;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final HttpClient http = HttpClient.newHttpClient();
    private TestControl control;
    private DaemonConfig config;
    private VmRegistry vms;

    @BeforeEach
    void start() throws Exception {
        control = new TestControl(directory, Ports.free().getPort(), 30_000);
        config = control.config();
        vms = control.vms();
    }

    @AfterEach
    void end() throws Exception {
        control.close();
    }

    private HttpResponse<String> ask(String method, String path, byte[] body, String authorization) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(
                        URI.create("http://127.0.0.1:" + config.controlPort() + path))
                .method(method, HttpRequest.BodyPublishers.ofByteArray(body));
        if (!authorization.isEmpty()) {
            request.header("Authorization", authorization);
        }
        return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpResponse<String> ask(String method, String path, String body) throws Exception {
        return ask(method, path, body.getBytes(StandardCharsets.UTF_8), "Bearer " + KEY);
    }

    private HttpResponse<String> get(String path) throws Exception {
        return ask("GET", path, "");
    }

    private static void assertError(HttpResponse<String> answer, int status, String code) throws Exception {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        ErrorBody error = Json.read(answer.body().getBytes(StandardCharsets.UTF_8), ErrorBody.class);
        assertThat(error.error().code()).isEqualTo(code);
        assertThat(error.error().message()).isNotBlank();
    }

    /** One request on the Unix socket, without a key. @return the whole answer, headers included */
    private String askLocally(String method, String path) throws IOException {
        String request = method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        return TestControl.send(control.addresses().get(0), request, false);
    }

    @Test
    void withoutTheKeyNobodyIsServedOverTcp() throws Exception {
        for (String path : List.of("/v1/host", "/v1/vms", "/metrics", "/healthz", "/nothing")) {
            for (String shown : List.of("", "Bearer wrong", "Bearer " + KEY + "x", KEY, "Basic " + KEY)) {
                assertError(ask("GET", path, new byte[0], shown), 401, "unauthorized");
            }
        }
    }

    @Test
    void onTheUnixSocketTheFilesModeDecides() throws Exception {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(config.controlSocket())))
                .isEqualTo("rw-rw----");
        assertThat(askLocally("GET", "/v1/host")).startsWith("HTTP/1.1 200").contains("\"name\":\"h1\"");
        assertThat(askLocally("GET", "/healthz")).startsWith("HTTP/1.1 200").endsWith("ok\n");
    }

    @Test
    void itIsNotHealthyWhileItFails() throws Exception {
        control.troubles =
                List.of("accepting on the data port fails: accept: Too many open files", "upkeep of VMs fails");

        HttpResponse<String> answer = get("/healthz");

        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(answer.body())
                .isEqualTo("accepting on the data port fails: accept: Too many open files\nupkeep of VMs fails\n");
    }

    @Test
    void theHostTellsAboutItself() throws Exception {
        HttpResponse<String> answer = get("/v1/host");

        assertThat(answer.statusCode()).isEqualTo(200);
        HostInfo info = Json.read(answer.body().getBytes(StandardCharsets.UTF_8), HostInfo.class);
        assertThat(info.name()).isEqualTo("h1");
        assertThat(info.protocol()).isEqualTo(1);
        assertThat(info.lendLimitBytes()).isEqualTo(1L << 30);
        assertThat(info.vms()).isZero();
    }

    @Test
    void theHostTellsWhereItIsReached() throws Exception {
        HttpResponse<String> answer = get("/v1/host/address");

        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(Json.read(answer.body().getBytes(StandardCharsets.UTF_8), ControlAddress.class))
                .isEqualTo(new ControlAddress("h1", "127.0.0.1", config.controlPort(), config.dataPort()));
    }

    @Test
    void theHostIsToldWhoItsPeersAre() throws Exception {
        String list = "{\"peers\":[{\"name\":\"h1\",\"address\":\"127.0.0.1\",\"controlPort\":7779},"
                + "{\"name\":\"h5\",\"address\":\"127.0.0.1\",\"controlPort\":1}]}";
        assertThat(get("/v1/peers").body()).isEqualTo("{\"peers\":[]}");

        assertThat(ask("PUT", "/v1/peers", list).statusCode()).isEqualTo(204);

        assertThat(get("/v1/peers").body()).isEqualTo(list);
        assertThat(get("/v1/hosts").body())
                .contains("\"name\":\"h2\"", "\"name\":\"h5\"")
                .containsOnlyOnce("\"name\":\"h1\",\"address\"");
        assertError(
                ask("PUT", "/v1/peers", list.getBytes(StandardCharsets.UTF_8), "Bearer wrong"), 401, "unauthorized");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'name':'h5','address':'10.0.0.5','controlPort':1},{'name':'h5','address':'10.0.0.6','controlPort':1} | h5@10.0.0.6:1",
                "{'name':'h5','address':'10.0.0.5/8','controlPort':1} | h5@10.0.0.5/8",
                "{'name':'h5','address':'10.0.0.5:1','controlPort':1} | h5@10.0.0.5:1",
                "{'name':'h5','address':'','controlPort':1} | address of h5",
                "{'name':'h5','controlPort':1} | address of h5",
                "{'name':'h 5','address':'10.0.0.5','controlPort':1} | h 5",
                "{'address':'10.0.0.5','controlPort':1} | name",
                "{'name':'h5','address':'10.0.0.5','controlPort':0} | h5@10.0.0.5:0",
                "{'name':'h5','address':'10.0.0.5','controlPort':65536} | h5@10.0.0.5:65536",
                "{'name':'h5','address':'10.0.0.5'} | controlPort",
                "null | one of peers",
            })
    void aBadListOfPeersIsRefusedNamingTheItemAndChangesNothing(String items, String named) throws Exception {
        String good = "{\"peers\":[{\"name\":\"h6\",\"address\":\"127.0.0.1\",\"controlPort\":1}]}";
        assertThat(ask("PUT", "/v1/peers", good).statusCode()).isEqualTo(204);

        HttpResponse<String> answer = ask("PUT", "/v1/peers", "{\"peers\":[" + items.replace('\'', '"') + "]}");

        assertError(answer, 400, "invalid-json");
        assertThat(answer.body()).contains(named);
        assertThat(get("/v1/peers").body()).isEqualTo(good);
    }

    @Test
    void aListOfTooManyPeersIsRefused() throws Exception {
        String items = IntStream.rangeClosed(0, PeerList.MOST)
                .mapToObj(i -> "{\"name\":\"h" + i + "\",\"address\":\"10.0.0.5\",\"controlPort\":1}")
                .collect(Collectors.joining(","));

        HttpResponse<String> answer = ask("PUT", "/v1/peers", "{\"peers\":[" + items + "]}");

        assertError(answer, 400, "invalid-json");
        assertThat(answer.body()).contains("more than 4096 peers: 4097");
    }

    @Test
    void aPeerThatIsAwayIsListedAsUnreachable() throws Exception {
        String answer = get("/v1/hosts").body();

        assertThat(answer)
                .contains("\"name\":\"h1\"")
                .contains("\"name\":\"h2\"")
                .contains("\"reachable\":false");
    }

    @Test
    void whatIsNotThereIsSaidAsSuch() throws Exception {
        assertError(get("/v1/vms/nobody"), 404, "vm-not-found");
        assertError(get("/v1/migrations/none"), 404, "migration-not-found");
        assertError(ask("DELETE", "/v1/migrations/none", ""), 404, "migration-not-found");
        assertError(ask("POST", "/v1/vms/nobody/migrations", "{\"destination\":\"h2\"}"), 404, "vm-not-found");
        for (String path : List.of("/", "/v1", "/v1/", "/v2/host", "/v1/host/", "/v1/hosts/h1", "/metrics/x")) {
            assertError(get(path), 404, "not-found");
        }
        assertError(ask("PUT", "/v1/host", ""), 404, "not-found");
        assertThat(get("/v1/vms").body()).isEqualTo("[]");
        assertThat(get("/v1/migrations").body()).isEqualTo("[]");
    }

    /** Jersey has ways of its own with all of these. */
    @Test
    void onlyWhatIsDocumentedIsAnswered() throws Exception {
        vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 1 << 20));
        for (String path : List.of("/healthz", "/v1/vms", "/v1/vms/db1", "/v1/none")) {
            assertThat(ask("HEAD", path, "").statusCode()).as(path).isEqualTo(404);
            assertError(ask("OPTIONS", path, ""), 404, "not-found");
            assertError(ask("POST", path, ""), 404, "not-found");
        }
        for (String path : List.of("/v1/vms/", "/v1/vms/db1/", "//v1/vms", "/v1//vms", "/v1/vms;a=b")) {
            assertError(get(path), 404, "not-found");
        }
        assertThat(askLocally("GET", "/v1/vms?x=%zz"))
                .startsWith("HTTP/1.1 400")
                .contains("invalid-path");
        assertThat(askLocally("GET", "/v1/vms?x={|}&y")).startsWith("HTTP/1.1 200");
    }

    @Test
    void whatACallerSaysOfBodiesDoesNotMatter() throws Exception {
        String head = """
                PUT /v1/peers HTTP/1.1\r
                Host: x\r
                Connection: close\r
                Content-Type: text/plain\r
                Accept: image/png\r
                Content-Length: 12\r
                \r
                """;

        String answer = TestControl.send(control.addresses().get(0), head + "{\"peers\":[]}", false);

        assertThat(answer).startsWith("HTTP/1.1 204");
        assertThat(askLocally("GET", "/v1/vms")).contains("Content-Type: application/json\r\n");
        assertThat(askLocally("GET", "/healthz")).contains("Content-Type: text/plain; charset=utf-8\r\n");
    }

    private Optional<String> requestIdAnswered(String sent) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + config.controlPort() + "/v1/vms"))
                .header("Authorization", "Bearer " + KEY)
                .header("X-Openstack-Request-Id", sent)
                .build();
        HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(200);
        return answer.headers().firstValue("X-Openstack-Request-Id");
    }

    @Test
    void anAnswerHasTheIdOfItsRequestUnlessThatIsNone() throws Exception {
        String id = "req-07e40000-0000-4000-8000-00000000000c";

        assertThat(requestIdAnswered(id)).contains(id);
        assertThat(requestIdAnswered("x".repeat(65))).isEmpty();
        assertThat(requestIdAnswered("req-1 ERROR forged")).isEmpty();
    }

    @Test
    void theReasonOfAnAbortIsOneLineOfBoundedLength() throws Exception {
        for (String reason : List.of("", "+", "a%0Ab", "x".repeat(301))) {
            assertError(ask("DELETE", "/v1/migrations/none?reason=" + reason, ""), 400, "invalid-reason");
        }
        assertError(ask("DELETE", "/v1/migrations/none?reason=it+is+enough", ""), 404, "migration-not-found");
    }

    @Test
    void aBodyThatIsNotUnderstoodIsRefused() throws Exception {
        vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 1 << 20));
        for (String body : List.of(
                "",
                "{",
                "[]",
                "null",
                "{\"destination\":\"h2\",\"force\":true}",
                "{\"destination\":{}}",
                "{\"destination\":\"\"}",
                "{\"destination\":\"h2\",\"streams\":65}",
                "{\"destination\":\"h2\",\"budgetBytes\":-1}")) {
            assertThat(ask("POST", "/v1/vms/db1/migrations", body).statusCode())
                    .as(body)
                    .isEqualTo(400);
        }
        assertError(ask("PUT", "/v1/vms/db1/budget", "{\"byte\":5}"), 400, "invalid-json");
        assertThat(ask("POST", "/v1/reservations", "{\"vm\":\"x\"}").statusCode())
                .isEqualTo(400);
        assertThat(ask("DELETE", "/v1/reservations/x?token=t", "").statusCode()).isEqualTo(400);
        assertThat(ask("DELETE", "/v1/reservations/" + VM, "").statusCode()).isEqualTo(400);
    }

    @Test
    void aBodyOverOneMiBIsRefused() throws Exception {
        byte[] body = new byte[(1 << 20) + 1];

        HttpResponse<String> answer = ask("POST", "/v1/reservations", body, "Bearer " + KEY);

        assertError(answer, 413, "body-too-large");
        assertThat(get("/healthz").statusCode()).isEqualTo(200);
    }

    @Test
    void aVmIsFoundByItsNameAndItsUuid() throws Exception {
        vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 64 << 20));

        assertThat(get("/v1/vms/db1").body())
                .contains("\"uuid\":\"" + VM + "\"")
                .contains("\"ramBytes\":67108864");
        assertThat(get("/v1/vms/" + VM).statusCode()).isEqualTo(200);
        assertError(ask("PUT", "/v1/vms/db1/budget", "{\"bytes\":33554432}"), 409, "vm-local");
        assertError(ask("POST", "/v1/vms/db1/gather", "{}"), 409, "vm-local");
        assertError(ask("POST", "/v1/vms/db1/migrations", "{\"destination\":\"h2\"}"), 409, "vm-not-attached");
    }

    @Test
    void aVmSaysWhatSubHostsHaveReservedForIt() throws Exception {
        vms.prepare(TestVms.lentBy(TestVms.record("db1", VmRecord.Phase.PAGED, 64 << 20), "h3"));

        assertThat(get("/v1/vms/db1").body()).contains("\"state\":\"GONE\"", "\"reservedBytes\":{\"h3\":67108864}");
    }

    @Test
    void aBudgetBelowTheLeastIsRefused() throws Exception {
        vms.prepare(TestVms.record("db1", VmRecord.Phase.PAGED, 64 << 20));

        assertError(ask("PUT", "/v1/vms/db1/budget", "{\"bytes\":4096}"), 400, "budget-too-small");
        assertThat(ask("PUT", "/v1/vms/db1/budget", "{\"bytes\":33554432}").statusCode())
                .isEqualTo(200);
    }

    @Test
    void aBudgetLetsBackWhatIsNotThereOfTheRam() {
        assertThat(HostRoom.growth(100, 1000, 30)).isEqualTo(70);
        assertThat(HostRoom.growth(5000, 1000, 30)).isEqualTo(970);
        assertThat(HostRoom.growth(20, 1000, 30)).isZero();
    }

    @Test
    void memoryIsReservedAndReleasedWithTheToken() throws Exception {
        String reservation = """
                {"vm":"%s","token":"%s","epoch":1,"pages":1000,"bytes":%d,"owner":"h2"}""";
        String good = reservation.formatted(VM, "t".repeat(64), 1 << 20);

        assertThat(ask("POST", "/v1/reservations", good).statusCode()).isEqualTo(204);
        assertError(ask("POST", "/v1/reservations", good), 507, "no-room");
        assertError(
                ask("POST", "/v1/reservations", reservation.formatted(UUID.randomUUID(), "t", 2L << 30)),
                507,
                "no-room");
        ask("DELETE", "/v1/reservations/" + VM + "?token=wrong", "");
        assertThat(get("/v1/host").body()).contains("\"lentBytes\":1048576");
        assertThat(ask("DELETE", "/v1/reservations/" + VM + "?token=" + "t".repeat(64), "")
                        .statusCode())
                .isEqualTo(204);
        assertThat(get("/v1/host").body()).contains("\"lentBytes\":0");
    }

    @Test
    void metricsHaveTheNamesOfTheManual() throws Exception {
        vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 64 << 20));

        String metrics = get("/metrics").body();

        for (String name : List.of(
                "splitmem_lend_limit_bytes",
                "splitmem_lent_bytes",
                "splitmem_held_bytes",
                "splitmem_draining",
                "splitmem_leaving_bytes",
                "splitmem_leaving_bytes_per_second",
                "splitmem_leaving_vms_in_trouble",
                "splitmem_vm_ram_bytes",
                "splitmem_vm_budget_bytes",
                "splitmem_vm_resident_bytes",
                "splitmem_vm_zero_bytes",
                "splitmem_vm_remote_bytes",
                "splitmem_vm_gather_remaining_bytes",
                "splitmem_vm_gather_bytes_per_second",
                "splitmem_vm_page_ins_total",
                "splitmem_vm_page_outs_total",
                "splitmem_vm_zero_fills_total",
                "splitmem_vm_minor_faults_total",
                "splitmem_vm_lost_pages_total",
                "splitmem_vm_damaged_pages_total",
                "splitmem_vm_page_in_seconds",
                "jvm_memory_used_bytes")) {
            assertThat(metrics)
                    .contains("\n" + name + (name.startsWith("splitmem_vm") || name.startsWith("jvm") ? "{" : " "));
        }
        assertThat(metrics).contains("name=\"db1\"");
    }

    @Test
    void metricsOfAVmEndWithIt() throws Exception {
        vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 64 << 20));
        get("/metrics");
        vms.remove(vms.all().get(0), "the test wants it");

        assertThat(get("/metrics").body()).doesNotContain("db1");
    }

    @Test
    void eachScrapeReadsAVmAnewAndAlsoItsSuccessorOfTheSameUuid() throws Exception {
        vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 64 << 20));
        assertThat(metric("splitmem_vm_budget_bytes")).isEqualTo(64 << 20);
        vms.all().get(0).setBudget(32 << 20);
        assertThat(metric("splitmem_vm_budget_bytes")).isEqualTo(32 << 20);

        vms.remove(vms.all().get(0), "the test wants it");
        vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 128 << 20));

        assertThat(metric("splitmem_vm_budget_bytes")).isEqualTo(128 << 20);
    }

    /** Of the only VM. */
    private double metric(String name) throws Exception {
        return get("/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith(name + "{"))
                .map(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                .reduce((one, other) -> {
                    throw new AssertionError(name + " is there twice");
                })
                .orElseThrow();
    }

    @Test
    void theHooksErrorsAreOneLineOfPlainText() throws Exception {
        String torn = "<domain type='kvm'><name>x</name><uuid>" + VM + "</uuid> libsplitmem-shim.so";
        String coming = """
                <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
                  <name>x</name><uuid>%1$s</uuid><memory unit='MiB'>64</memory>
                  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
                  <qemu:commandline>
                    <qemu:env name='LD_PRELOAD' value='/usr/lib/splitmem/libsplitmem-shim.so'/>
                    <qemu:env name='SPLITMEM_VM' value='%1$s'/>
                  </qemu:commandline>
                </domain>""".formatted(VM);
        for (HttpResponse<String> answer : List.of(
                ask("POST", "/v1/hooks/qemu/migrate/begin?guest=x", torn),
                ask("POST", "/v1/hooks/qemu/migrate/begin?guest=x", coming), // that nobody prepared anything for
                ask("POST", "/v1/hooks/qemu/migrate/begin", torn),
                ask("GET", "/v1/hooks/qemu/migrate/begin?guest=x", ""))) {
            assertThat(answer.statusCode()).isGreaterThanOrEqualTo(400);
            assertThat(answer.headers().firstValue("Content-Type").orElse("")).startsWith("text/plain");
            assertThat(answer.body().strip()).isNotEmpty();
            assertThat(answer.body().strip().lines()).hasSize(1);
        }
    }

    /** As if the shim had not recognised QEMU's RAM: it would be in no books, and could never be split. */
    @Test
    void aVmWhoseRamIsNotTheDaemonsIsNotStarted() throws Exception {
        String plain = "<domain type='kvm'><name>db1</name><uuid>" + TestVms.UUID_OF_VM
                + "</uuid><memory unit='MiB'>64</memory></domain>";
        String ready =
                SplitReady.make(DomainXml.parse(plain), ShimPaths.INSTALLED).serialize();

        HttpResponse<String> refused = ask("POST", "/v1/hooks/qemu/started/begin?guest=db1", ready);
        control.vms().prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 64L << 20));
        HttpResponse<String> started = ask("POST", "/v1/hooks/qemu/started/begin?guest=db1", ready);

        assertThat(refused.statusCode()).isEqualTo(409);
        assertThat(refused.body())
                .contains(
                        "QEMU of VM db1 has taken RAM backends of [] B from splitmemd, and the domain has [67108864] B");
        assertThat(started.statusCode()).isEqualTo(200);
    }

    @Test
    void theHookLetsPassWhatIsNoneOfItsBusiness() throws Exception {
        String plain = "<domain type='kvm'><name>x</name><uuid>" + VM + "</uuid><memory>1024</memory></domain>";
        for (String call : List.of("prepare/begin", "start/begin", "migrate/begin", "reconnect/begin")) {
            HttpResponse<String> answer = ask("POST", "/v1/hooks/qemu/" + call + "?guest=x", plain);

            assertThat(answer.statusCode()).as(call).isEqualTo(200);
            assertThat(answer.body()).as(call).isEmpty();
        }
    }

    @Test
    void availableMemoryIsTheKernelsEstimate() {
        assertThat(HostFacts.availableBytes(List.of("MemTotal:  100 kB", "MemAvailable:   24 kB")))
                .isEqualTo(24 * 1024);
        assertThat(HostFacts.availableBytes(List.of("MemTotal:  100 kB"))).isZero();
    }
}
