package org.splitmem.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.core.type.TypeReference;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    static List<Object> everyRecord() {
        var host = new HostInfo("h1", "0.1.0", 1, "6.18.0", 100, 20, 10, 1000, 3, null, null, null, null);
        return List.of(
                new MigrationRequest("h2", 5L, List.of(new SubHostShare("h3", null)), 4, 1000L, Handover.COMPLETE),
                Samples.migration(MigrationPhase.PRECOPY),
                host,
                new HostStatus("h1", "10.78.0.1:7779", true, host, null),
                new HostStatus("h2", "10.78.0.2:7779", false, null, "connection refused"),
                Samples.vm(),
                new MovePagesRequest("h3", List.of(new SubHostShare("h4", 4096L)), 1000L),
                new BudgetRequest(1),
                ErrorBody.of("vm-not-found", "no VM named x"));
    }

    @ParameterizedTest
    @MethodSource("everyRecord")
    void readsBackEveryRecord(Object value) {
        assertThat(Json.read(Json.writeBytes(value), value.getClass())).isEqualTo(value);
    }

    /** An earlier splitmem reads what is said of a whole VM's migration, and knows no others. */
    @Test
    void whatAMigrationChangesIsWrittenOnlyOfASplitVm() {
        String whole = Json.write(Samples.migration(MigrationPhase.PRECOPY));
        assertThat(whole).doesNotContain("ind\"");

        MigrationInfo split = Json.read(whole.replaceFirst("}$", ",\"splitKind\":\"partial\"}"), MigrationInfo.class);

        assertThat(split.kind()).isEqualTo(MigrationKind.PARTIAL);
        assertThat(split.stayingPages()).isEqualTo(20);
        assertThat(Json.read(Json.writeBytes(split), MigrationInfo.class)).isEqualTo(split);
    }

    @Test
    void theWireNamesAreFixed() {
        var request =
                new MigrationRequest("h2", null, List.of(new SubHostShare("h3", 7L)), null, null, Handover.HYBRID);

        assertThat(Json.write(request))
                .isEqualTo(
                        "{\"destination\":\"h2\",\"subHosts\":[{\"host\":\"h3\",\"bytes\":7}],\"handover\":\"hybrid\"}");
        assertThat(Json.write(ErrorBody.of("a", "b"))).isEqualTo("{\"error\":{\"code\":\"a\",\"message\":\"b\"}}");
    }

    @Test
    void optionalFieldsMayBeAbsentOrNull() {
        var expected = new MigrationRequest("h2", null, List.of(), null, null, null);

        assertThat(Json.read("{\"destination\":\"h2\"}", MigrationRequest.class))
                .isEqualTo(expected);
        assertThat(Json.read("{\"destination\":\"h2\",\"streams\":null}", MigrationRequest.class))
                .isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "{'destination':'h2','stream':4}       | MigrationRequest: unknown field 'stream'",
                "{'destination':'h2','subHosts':[{'host':'h3','size':4}]} | unknown field 'subHosts.[0].size'",
                "{'streams':4}                         | MigrationRequest: destination is missing",
                "{'destination':'h2','streams':0}      | MigrationRequest: streams must be 1-64: 0",
                "{'destination':'h2','streams':'4'}    | field 'streams'",
                "{'destination':'h2','streams':1.5}    | field 'streams'",
                "{'destination':'h2','handover':'now'} | field 'handover'",
                "{'destination':'h2','destination':'h3'} | Duplicate field 'destination'",
                "{'destination':'h2'} x                | MigrationRequest: ",
                "{'destination'                        | MigrationRequest: ",
                "null                                  | MigrationRequest: null instead of an object",
            })
    void refusesWhatItWouldHaveToGuess(String json, String message) {
        assertThatExceptionOfType(InvalidJsonException.class)
                .isThrownBy(() -> Json.read(json.replace('\'', '"'), MigrationRequest.class))
                .withMessageContaining(message)
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"7", "7.5", "true"})
    void whatIsNoTextIsNotMadeOne(String value) {
        assertThatExceptionOfType(InvalidJsonException.class)
                .isThrownBy(() -> Json.read("{\"destination\":" + value + "}", MigrationRequest.class))
                .withMessageContaining("field 'destination'");
    }

    @Test
    void aMissingNumberIsNotZero() {
        assertThatExceptionOfType(InvalidJsonException.class)
                .isThrownBy(() -> Json.read("{}", BudgetRequest.class))
                .withMessage("BudgetRequest: field 'bytes': a value is missing");
    }

    @Test
    void readsLists() {
        byte[] json = "[{\"host\":\"h3\"}]".getBytes(StandardCharsets.UTF_8);

        assertThat(Json.read(json, new TypeReference<List<SubHostShare>>() {}))
                .containsExactly(new SubHostShare("h3", null));
    }

    @Test
    void mapsOfHostsKeepTheirNumbers() {
        var pages = new PagePlacement(1, Map.of("h3", 7L), 2);

        assertThat(Json.read(Json.write(pages), PagePlacement.class)).isEqualTo(pages);
    }
}
