package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CommandLineTest {
    private final Cli cli = new Cli();

    @ParameterizedTest
    @ValueSource(
            strings = {
                "prepare",
                "migrate",
                "abort",
                "migrations",
                "operations",
                "cancel",
                "vms",
                "show",
                "hosts",
                "budget",
                "gather",
                "move-pages",
                "drain",
                "lend",
                "events",
                "plan",
                "forget-host"
            })
    void everyCommandHasHelp(String command) {
        assertThat(cli.run(command, "--help")).isZero();

        assertThat(cli.out()).startsWith("Usage: splitmem " + command).contains("--json", "--socket", "Exit status:");
    }

    @Test
    void helpListsTheCommands() {
        assertThat(cli.run("--help")).isZero();

        assertThat(cli.out())
                .contains(
                        "prepare",
                        "migrate",
                        "abort",
                        "migrations",
                        "vms",
                        "show",
                        "hosts",
                        "budget",
                        "events",
                        "plan");
    }

    /** In a manual page's synopsis what is in brackets before a label in italics is taken for its style, and is left out. */
    @Test
    void noLabelHasBracketsOfItsOwn() {
        var all = new picocli.CommandLine(new Splitmem());

        for (picocli.CommandLine command : all.getSubcommands().values()) {
            command.getCommandSpec()
                    .args()
                    .forEach(argument -> assertThat(argument.paramLabel())
                            .as(command.getCommandName())
                            .doesNotContain("[", "]"));
        }
    }

    @Test
    void itKnowsItsVersion() {
        assertThat(cli.run("--version")).isZero();

        assertThat(cli.out()).startsWith("splitmem ");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''                                          | Missing command; there are: prepare, migrate",
                "frobnicate                                  | frobnicate",
                "show                                        | Missing required parameter: 'NAME'",
                "migrate vm1                                 | Missing required option: '--to=HOST'",
                "migrate vm1 --to h2 --budget 5XB            | unknown unit 'XB'",
                "migrate vm1 --to h2 --bandwidth 10G         | write bits as 10Gbit",
                "migrate vm1 --to h2 --sub-host h3=          | '' is not a size",
                "migrate vm1 --to h2 --sub-host h3=0         | bytes must be 1-1125899906842624: 0",
                "migrate vm1 --to h2 --sub-host h2           | h2 is named twice in the plan",
                "migrate vm1 --to h2 --streams 65            | streams must be 1-64: 65",
                "migrate vm1 --to h2 --handover now          | --handover",
                "move-pages vm1                              | Missing required option: '--from=HOST'",
                "move-pages --from h3                        | Missing required parameter: 'NAME'",
                "move-pages vm1 --from h3 --to h3            | to: h3 is the host to be emptied",
                "move-pages vm1 --from h3 --to h4 --to h4=1G | to: h4 is named twice in the plan",
                "move-pages vm1 --from h3 --to h4=           | '' is not a size",
                "move-pages vm1 --from h3 --to =1GiB         | host is missing",
                "move-pages vm1 --from h3 --bandwidth 10G    | write bits as 10Gbit",
                "move-pages vm1 --from h3 --cancel --to h4   | --cancel excludes --to, --bandwidth and --wait",
                "move-pages vm1 --from h3 --cancel --wait    | --cancel excludes --to, --bandwidth and --wait",
                "drain                                       | Missing required parameter: 'HOST'",
                "drain h3 --to h4 --to h4                    | to: h4 is named twice in the plan",
                "drain h3 --cancel --wait                    | --cancel excludes --to and --wait",
                "drain h3 --cancel --to h4                   | --cancel excludes --to and --wait",
                "drain h3 64GiB                              | Unmatched argument",
                "lend                                        | Missing required parameter: 'HOST'",
                "lend h3 much                                | 'much' is not a size",
                "lend h3 2000TiB                             | bytes must be 0-1125899906842624",
                "lend h3 1GiB --configured                   | --configured excludes SIZE and --to",
                "lend h3 --to h4                             | --to needs SIZE",
                "budget vm1 -1                               | -1",
                "events --topic weather                      | there is no topic weather",
                "plan --ram-mb 1                             | Missing required options: '--destination=HOST', '--main-mb=MB'",
                "plan --ram-mb x                             | 'x' is not a long",
                "plan --extra-spec x                         | should be in KEY=VALUE format but was x",
                "vms --jso                                   | --jso",
            })
    void aWrongCommandLineIsOneLineAndStatusTwo(String line, String complaint) {
        String[] args = line.isEmpty() ? new String[0] : line.split(" ");

        assertThat(cli.run(args)).isEqualTo(2);

        assertThat(cli.err())
                .hasLineCount(1)
                .startsWith("splitmem: ")
                .contains(complaint)
                .endsWith(" --help')\n");
        assertThat(cli.out()).isEmpty();
    }
}
