package org.splitmem.model;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToIntFunction;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class RefusalTest {
    private static final Pattern ROW = Pattern.compile("^\\| (\\d{3}) \\| (.*) \\|$");
    private static final Pattern CODE = Pattern.compile("`([a-z]+(?:-[a-z]+)*)`");

    /** Those of one program that come with a second status, too, or are made of a service's name. */
    private static final Set<String> BESIDES = Set.of(
            "503 vm-migrating",
            "503 id",
            "406 unsupported-version",
            "409 host-not-found",
            "504 keystone-too-slow",
            "504 placement-too-slow",
            "504 nova-too-slow",
            "504 splitmemd-too-slow",
            "504 nova-bridge-too-slow");

    private static Set<String> documented(String file) throws IOException {
        Set<String> found = new TreeSet<>();
        for (String line : Files.readAllLines(Path.of("..", "docs", file))) {
            var row = ROW.matcher(line);
            if (row.matches()) {
                CODE.matcher(row.group(2)).results().forEach(code -> found.add(row.group(1) + " " + code.group(1)));
            }
        }
        return found;
    }

    private static Set<String> known(ToIntFunction<RefusalCode> status) {
        Set<String> all = new TreeSet<>();
        Arrays.stream(RefusalCode.values())
                .filter(code -> status.applyAsInt(code) != 0)
                .forEach(code -> all.add(status.applyAsInt(code) + " " + code.word()));
        return all;
    }

    private static void assertDocumented(String file, ToIntFunction<RefusalCode> status) throws IOException {
        Set<String> inDocument = documented(file);
        inDocument.removeAll(BESIDES);
        assertThat(inDocument).isEqualTo(known(status));
    }

    @Test
    void everyCodeIsDocumentedWithItsStatus() throws IOException {
        assertDocumented("API.md", RefusalCode::status);
        assertDocumented("BRIDGE-API.md", RefusalCode::bridgeStatus);
    }

    @Test
    void aCodeIsFoundByItsWord() {
        assertThat(RefusalCode.of("ram-is-a-memfd")).contains(RefusalCode.RAM_IS_A_MEMFD);
        assertThat(RefusalCode.of("RAM_IS_A_MEMFD")).isEmpty();
        assertThat(RefusalCode.of("")).isEmpty();
    }

    @Test
    void whatAlwaysHelpsEndsTheMessage() {
        assertThat(Refusal.of(RefusalCode.VM_BUSY, "VM db1 settles").message()).isEqualTo("VM db1 settles; ask again");
        assertThat(Refusal.of(RefusalCode.VM_LEFT, "VM db1 has left").message()).isEqualTo("VM db1 has left");
    }

    @Test
    void whatIsAnsweredIsReadAsItWas() {
        Refusal refusal = Refusal.of(RefusalCode.NO_ROOM, "only 1 B is free");

        assertThat(Refusal.read(507, Json.writeBytes(refusal.body()))).isEqualTo(refusal);
    }

    /** Its peer may be newer. */
    @Test
    void aCodeThatIsNotKnownIsCarriedAsItIs() {
        String newer = "{\"error\":{\"code\":\"vm-in-orbit\",\"message\":\"wait\",\"until\":7},\"more\":1}";

        Refusal refusal = Refusal.read(409, newer.getBytes(UTF_8));

        assertThat(refusal).isEqualTo(new Refusal(409, "vm-in-orbit", "wait"));
        assertThat(RefusalCode.of(refusal.code())).isEmpty();
    }

    @Test
    void whatIsNoAnswerOfSplitmemdHasNoCode() {
        for (String body :
                new String[] {"", "<html>", "{}", "[]", "{\"error\":\"no\"}", "{\"error\":{\"code\":\"x\"}}"}) {
            Refusal refusal = Refusal.read(502, body.getBytes(UTF_8));

            assertThat(refusal.code()).as(body).isEqualTo(Refusal.NO_CODE);
            assertThat(refusal.message()).isEqualTo("splitmemd answered with HTTP status 502");
        }
    }
}
