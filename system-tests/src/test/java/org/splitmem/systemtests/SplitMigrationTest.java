package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** The main thing: split migrations lose nothing and leave nothing. With -Dsplitmem.nightly=true thirty of them. */
@SystemTest
final class SplitMigrationTest {
    private final Testbed bed;

    SplitMigrationTest(Testbed bed) {
        this.bed = bed;
    }

    static Stream<Plan> plans() {
        return (Boolean.getBoolean("splitmem.nightly") ? Plan.many() : Plan.few()).stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("plans")
    void everyByteArrivesAndNothingIsLeftBehind(Plan plan) {
        Guest guest = bed.boot(plan.guest("split"), "h1");
        guest.awaitSweeps(1, limit(plan));
        Duration limit = limit(plan);

        MigrationInfo done =
                bed.cli("h1").migrate(guest, "h2", limit, plan.arguments().toArray(String[]::new));

        guest.verifyAll(limit);
        checkPlacement(plan, done);
        checkVm(plan, guest, limit);
        guest.verifyAll(limit);
    }

    private static Duration limit(Plan plan) {
        return Duration.ofSeconds(120 + plan.memoryMib() / 4);
    }

    private static void checkPlacement(Plan plan, MigrationInfo done) {
        long pages = plan.memoryMib() * 256L;
        long lent = done.pages().subHosts().values().stream()
                .mapToLong(Long::longValue)
                .sum();

        assertThat(done.pages().main() + lent + done.pages().zero()).isEqualTo(pages);
        // What is dirty when the vCPUs stop goes to the main host, too; a guest that writes fast may fill more than
        // the room that was left for it.
        assertThat(done.pages().main()).isLessThanOrEqualTo(plan.budgetBytes() / 4096 * 17 / 16);
        assertThat(done.downtimeMs()).isPositive();
        if (plan.budgetPercent() < 60) { // of which the guest uses 60 %
            assertThat(lent).isPositive();
            assertThat(done.pages().subHosts()).containsOnlyKeys(plan.lenders());
        }
    }

    /** Split and within its budget, give or take what the guest has just touched; or whole and served by the kernel alone. */
    private static void checkVm(Plan plan, Guest guest, Duration limit) {
        if (plan.budgetPercent() == 100) {
            guest.awaitState(VmState.LOCAL, limit);
            return;
        }
        VmInfo info = guest.info();
        assertThat(info.state()).isEqualTo(VmState.SPLIT);
        assertThat(info.budgetBytes()).isEqualTo(plan.budgetBytes());
        if (plan.idle()) {
            long most = plan.budgetBytes() / 32 * 33; // it pages all the time, and is looked at now and then
            Await.value("it is within its budget", limit, guest::info, now -> now.residentBytes() <= most);
        }
    }
}
