package org.splitmem.memory.remote;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.wire.RunList;

class DropListTest {
    private final DropList drops = new DropList();
    private final RunList list = new RunList();

    private void add(int count) {
        for (int page = 0; page < count; page++) {
            assertThat(drops.add(2L * page)).isTrue();
        }
    }

    private BitSet takeAll() {
        BitSet taken = new BitSet();
        while (!drops.isEmpty()) {
            list.clear();
            drops.takeInto(list);
            for (int run = 0; run < list.runs(); run++) {
                assertThat(list.count(run)).isEqualTo(1);
                taken.set((int) list.first(run));
            }
        }
        return taken;
    }

    @Test
    void allAreTakenOfAsManyAsThereMayBe() {
        add(DropList.MOST);

        assertThat(drops.add(1)).isFalse();
        assertThat(takeAll().cardinality()).isEqualTo(DropList.MOST);
        assertThat(drops.add(1)).isTrue();
    }

    /** One for each sub-host of each VM: 200 VMs with 4 sub-hosts would take 100 MB of the heap otherwise. */
    @Test
    void anIdleOneIsSmall() {
        assertThat(drops.room()).isLessThanOrEqualTo(256);
    }

    @Test
    void roomThatIsNotNeededAnyMoreIsGivenBack() {
        add(DropList.MOST);
        takeAll();
        assertThat(drops.room()).isEqualTo(DropList.MOST);

        for (int i = 0; i < 6; i++) {
            add(10);
            takeAll();
        }

        assertThat(drops.room()).isEqualTo(DropList.LEAST_ROOM);
    }

    @Test
    void oneThatIsUsedAllTheTimeAllocatesNothing() {
        add(1000);
        takeAll();
        int room = drops.room();

        for (int i = 0; i < 6; i++) {
            add(room / 2);
            takeAll();
            assertThat(drops.room()).isEqualTo(room);
        }
    }
}
