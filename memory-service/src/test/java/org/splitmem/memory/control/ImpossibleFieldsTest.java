package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.ErrorBody;
import org.splitmem.model.Json;

/** Sizes that cannot be are refused by name, with what can be, and leave nothing behind. */
class ImpossibleFieldsTest {
    private static final String LENDER =
            "{'host':'h2','address':'127.0.0.1','dataPort':7780,'token':'right','reservedBytes':1048576}";
    private static final String RESERVATION = "{'vm':'" + TestVms.UUID_OF_VM
            + "','token':'right','epoch':1,'pages':1000,'bytes':1048576,'owner':'h2','main':'h3'}";
    private static final String INCOMING = "{'vm':'" + TestVms.UUID_OF_VM
            + "','name':'db1','migration':'m1','backendBytes':[1048576],'epoch':2,'budgetBytes':1048576,'lenders':["
            + LENDER + "],'source':" + LENDER.replace("h2", "h1") + "}";

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private TestControl control;

    @BeforeEach
    void start() throws Exception {
        control = new TestControl(directory, Ports.free().getPort(), 30_000);
    }

    @AfterEach
    void end() throws Exception {
        control.close();
    }

    private HttpResponse<String> post(String path, String json) throws Exception {
        return control.ask("POST", path, json.replace('\'', '"'));
    }

    private long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.filter(Files::isSymbolicLink)
                    .filter(fd -> targetOf(fd).startsWith(directory.path().toString()))
                    .count();
        }
    }

    private static String targetOf(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // closed since
        }
    }

    private long mappings() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.filter(line -> line.contains(directory.path().toString()))
                    .count();
        }
    }

    private void assertNothingIsLeft() throws Exception {
        assertThat(control.vms().all()).isEmpty();
        for (String where : List.of("vms", "stores")) {
            assertThat(directory.resolve(where)).isEmptyDirectory();
        }
        assertThat(control.ask("GET", "/v1/host", "").body()).contains("\"lentBytes\":0");
        assertThat(descriptors()).isZero();
        assertThat(mappings()).isZero();
    }

    private static void assertRefused(HttpResponse<String> answer, String... named) throws Exception {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(Json.read(answer.body(), ErrorBody.class).error().message()).contains(named);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "'pages':1000    | 'pages':0                    | pages is 0: 1 to 536870912",
                "'pages':1000    | 'pages':-1                   | pages is -1: 1 to 536870912",
                "'pages':1000    | 'pages':4611686018427387904  | pages is 4611686018427387904: 1 to 536870912",
                "'bytes':1048576 | 'bytes':-4096                | bytes is -4096: 0 to 1125899906842624",
                "'bytes':1048576 | 'bytes':9223372036854775807  | bytes is 9223372036854775807: 0 to 1125899906842624",
                "'epoch':1       | 'epoch':-1                   | epoch is -1: 0 to 4611686018427387904",
                "'epoch':1       | 'epoch':9223372036854775807  | epoch is 9223372036854775807: 0 to 4611686018427387904",
                "'token':'right' | 'token':''                   | token has 0 characters: 1 to 64",
                "'owner':'h2'    | 'owner':''                   | owner has 0 characters: 1 to 255",
                "'main':'h3'     | 'main':''                    | main has 0 characters: 1 to 255",
            })
    void aReservationWithAnImpossibleFieldIsRefused(String field, String by, String words) throws Exception {
        assertThat(RESERVATION).contains(field);

        assertRefused(post("/v1/reservations", RESERVATION.replace(field, by)), words);

        assertNothingIsLeft();
        assertThat(post("/v1/reservations", RESERVATION).statusCode()).isEqualTo(204);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "'backendBytes':[1048576] | 'backendBytes':[]      | backendBytes has 0 items: 1 to 256",
                "'backendBytes':[1048576] | 'backendBytes':[0]     | backendBytes[0] is 0: 4096 to 2199023255552",
                "'backendBytes':[1048576] | 'backendBytes':[4096,-4096] | backendBytes[1] is -4096: 4096 to 2199023255552",
                "'backendBytes':[1048576] | 'backendBytes':[4097]  | backendBytes[0] is 4097: a multiple of 4096",
                "'backendBytes':[1048576] | 'backendBytes':[4611686018427387904] | backendBytes[0] is 4611686018427387904: 4096 to",
                "'backendBytes':[1048576] | 'backendBytes':[2199023255552,4096] | backendBytes in all is 2199023259648: 4096 to",
                "'backendBytes':[1048576] | 'backendBytes':[null]  | backendBytes",
                "'epoch':2                | 'epoch':-2             | epoch is -2: 0 to 4611686018427387904",
                "'budgetBytes':1048576    | 'budgetBytes':-1       | budgetBytes is -1: 1 to 1125899906842624",
                "'budgetBytes':1048576    | 'budgetBytes':0        | budgetBytes is 0: 1 to 1125899906842624",
                "'name':'db1'             | 'name':''              | name has 0 characters: 1 to 1024",
                "'migration':'m1'         | 'migration':''         | migration has 0 characters: 1 to 255",
                "'lenders':[              | 'lenders':[null,       | lenders",
                "'host':'h2'              | 'host':''              | lenders[0].host has 0 characters: 1 to 255",
                "'host':'h1'              | 'host':''              | source.host has 0 characters: 1 to 255",
                "'dataPort':7780          | 'dataPort':70000       | dataPort is 70000: 1 to 65535",
                "'reservedBytes':1048576  | 'reservedBytes':-1     | reservedBytes is -1: 0 to 1125899906842624",
            })
    void anIncomingVmWithAnImpossibleFieldIsRefused(String field, String by, String words) throws Exception {
        assertThat(INCOMING).contains(field);

        assertRefused(post("/v1/incoming", INCOMING.replace(field, by)), words);

        assertNothingIsLeft();
        assertThat(post("/v1/incoming", INCOMING).statusCode()).isEqualTo(204);
    }

    @Test
    void moreLendersThanAnEntryCanNameAreRefused() throws Exception {
        String many = (LENDER + ",").repeat(16) + LENDER;

        assertRefused(
                post("/v1/incoming", INCOMING.replace("[" + LENDER + "]", "[" + many + "]")),
                "lenders has 17 items: 0 to 16");

        assertNothingIsLeft();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "PUT  | budget     | {'bytes':-1}                   | bytes must be 1-1125899906842624: -1",
                "PUT  | budget     | {'bytes':9223372036854775807}  | bytes must be 1-1125899906842624: 9223372036854775807",
                "POST | migrations | {'destination':'h2','budgetBytes':9223372036854775807} | budgetBytes must be 1-1125899906842624",
                "POST | migrations | {'destination':'h2','subHosts':[{'host':'h3','bytes':9223372036854775807}]} | bytes must be 1-1125899906842624",
                "POST | split      | {'budgetBytes':9223372036854775807} | budgetBytes must be 1-1125899906842624",
                "POST | split      | {'name':'a','ramBytes':9223372036854775807,'budgetBytes':16777216,'subHosts':[{'host':'h2'}]} | ramBytes must be 1-1125899906842624",
            })
    void aSizeThatNoHostHasIsRefused(String method, String what, String body, String words) throws Exception {
        control.vms().prepare(TestVms.record("db1", VmRecord.Phase.PAGED, 64 << 20));

        assertRefused(control.ask(method, "/v1/vms/db1/" + what, body.replace('\'', '"')), words);
    }

    /** As when the file system is full in the middle. */
    @Test
    void whatCannotBeMadeWholeIsTakenBackWhole() throws Exception {
        Files.createDirectories(directory.resolve("vms/" + TestVms.UUID_OF_VM + "/vm.json"));
        assertThat(post("/v1/incoming", INCOMING).statusCode()).isEqualTo(409);
        assertNothingIsLeft();
        for (String file : List.of("pages", "held", "crc", "store.json")) {
            Files.createDirectories(directory.resolve("stores/" + TestVms.UUID_OF_VM + "/" + file));

            HttpResponse<String> answer = post("/v1/reservations", RESERVATION);

            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(502);
            assertNothingIsLeft();
        }
        assertThat(post("/v1/incoming", INCOMING).statusCode()).isEqualTo(204);
        assertThat(post("/v1/reservations", RESERVATION).statusCode()).isEqualTo(204);
    }
}
