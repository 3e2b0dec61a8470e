package org.splitmem.memory.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class PageEntryTest {
    private static final List<Integer> FLAGS = List.of(PageEntry.SAMPLED, PageEntry.FROM_SOURCE);

    @Test
    void aPageThatIsAskedForInBulkKeepsItsServerAndHowItGotThere() {
        int remote = PageEntry.pagedOut(11);
        int asked = PageEntry.inBulk(remote);

        assertThat(PageEntry.state(asked)).isEqualTo(PageState.INCOMING);
        assertThat(PageEntry.isInBulk(asked, 11)).isTrue();
        assertThat(PageEntry.isInBulk(asked, 10)).isFalse();
        assertThat(PageEntry.isInBulk(PageEntry.of(PageState.INCOMING, 11), 11)).isFalse();
        assertThat(PageEntry.isInBulk(PageEntry.of(PageState.LOCAL) | PageEntry.SAMPLED, 0))
                .isFalse();
        assertThat(PageEntry.notInBulk(asked)).isEqualTo(remote);
    }

    @Test
    void everyStateHostAgeAndFlagFitsBesideTheOthers() {
        for (PageState state : PageState.values()) {
            for (int host = 0; host < PageEntry.MAX_HOMES; host++) {
                for (int age = 0; age <= PageEntry.MAX_AGE; age++) {
                    for (int flag : FLAGS) {
                        int entry = PageEntry.withAge(PageEntry.of(state, host) | flag, age);

                        assertThat(entry).isBetween(0, 0xFFFF);
                        assertThat(PageEntry.state(entry)).isEqualTo(state);
                        assertThat(PageEntry.home(entry)).isEqualTo(host);
                        assertThat(PageEntry.age(entry)).isEqualTo(age);
                        for (int other : FLAGS) {
                            boolean always = state == PageState.ZERO && other == PageEntry.FROM_SOURCE;
                            assertThat(PageEntry.has(entry, other)).isEqualTo(other == flag || always);
                        }
                    }
                }
            }
        }
    }

    @Test
    void theNumbersOfStatesAreThoseOnDisk() {
        assertThat(List.of(PageState.values()).stream().map(PageState::code)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        assertThat(PageState.values())
                .containsExactly(
                        PageState.ZERO,
                        PageState.LOCAL,
                        PageState.REMOTE,
                        PageState.AT_SOURCE,
                        PageState.OUTGOING,
                        PageState.INCOMING,
                        PageState.PUNCHING,
                        PageState.FILLING);
        for (PageState state : PageState.values()) {
            assertThat(PageEntry.of(state)).as("what nobody has written").isNotZero();
            assertThat(PageEntry.withState(PageEntry.of(PageState.INCOMING), state))
                    .isEqualTo(PageEntry.of(state));
        }
    }

    @Test
    void aHostOutOfRangeIsRefused() {
        assertThatThrownBy(() -> PageEntry.of(PageState.REMOTE, 16)).hasMessageContaining("16");
        assertThatThrownBy(() -> PageEntry.of(PageState.REMOTE, -1)).hasMessageContaining("-1");
    }

    @Test
    void anAgeStaysAtItsMost() {
        assertThat(PageEntry.age(PageEntry.withAge(0, 99))).isEqualTo(PageEntry.MAX_AGE);
    }

    @Test
    void aTouchClearsTheSampling() {
        int sampled = PageEntry.of(PageState.LOCAL) | PageEntry.SAMPLED;

        assertThat(PageEntry.touched(sampled, 0)).isEqualTo(PageEntry.of(PageState.LOCAL));
        assertThat(PageEntry.touched(PageEntry.of(PageState.LOCAL), 7)).isEqualTo(PageEntry.of(PageState.LOCAL));
    }

    @Test
    void onlyAPageInUseAtTwoVisitsIsLeftAlone() {
        int sampled = PageEntry.of(PageState.LOCAL) | PageEntry.SAMPLED;

        int hot = PageEntry.touched(sampled, 7);
        int once = PageEntry.touched(PageEntry.withAge(sampled, 3), 7);

        assertThat(PageEntry.age(hot)).isEqualTo(7);
        assertThat(PageEntry.age(once)).isZero();
    }
}
