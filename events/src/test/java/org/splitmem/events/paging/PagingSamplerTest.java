package org.splitmem.events.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.splitmem.events.Samples.NOW;
import static org.splitmem.events.Samples.vm;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.splitmem.events.Event;
import org.splitmem.events.Samples;
import org.splitmem.events.Schemas;
import org.splitmem.events.paging.PagingSample.Reading;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.VmState;

class PagingSamplerTest {
    private static final Duration TEN_SECONDS = Duration.ofSeconds(10);
    private final PagingSampler sampler = new PagingSampler(TEN_SECONDS);

    private static JsonNode only(List<Event> events) {
        assertThat(events).hasSize(1);
        return Schemas.valid(events.get(0)).data();
    }

    @Test
    void countsAreOfTheIntervalAndSizesOfItsEnd() {
        assertThat(sampler.next("h2", NOW, List.of(vm(1, 1000)))).isEmpty();

        JsonNode data = only(sampler.next("h2", NOW.plusSeconds(10), List.of(vm(1, 1100))));

        assertThat(data.get("pageIns").asLong()).isEqualTo(100);
        assertThat(data.get("pageOuts").asLong()).isEqualTo(50);
        assertThat(data.get("zeroFills").asLong()).isZero();
        assertThat(data.get("refaults").asLong()).isEqualTo(10);
        assertThat(data.get("stalls").asLong()).isEqualTo(10);
        assertThat(data.at("/faultLatency/count").asLong()).isEqualTo(100);
        assertThat(data.at("/faultLatency/sumUs").asDouble()).isEqualTo(15_000);
        assertThat(data.at("/faultLatency/buckets/0/count").asLong()).isEqualTo(80);
        assertThat(data.at("/faultLatency/buckets/1/count").asLong()).isEqualTo(90);
        assertThat(data.at("/remoteBytes/h3").asLong()).isEqualTo(4096 * 20);
        assertThat(data.get("toMs").asLong() - data.get("fromMs").asLong()).isEqualTo(10_000);
        assertThat(data.get("restarted").asBoolean()).isFalse();
        assertThat(data.get("dropped").asLong()).isZero();
    }

    @Test
    void aRestartedDaemonCountsFromNothing() {
        sampler.next("h2", NOW, List.of(vm(1, 1000)));

        JsonNode data = only(sampler.next("h2", NOW.plusSeconds(10), List.of(vm(1, 40))));

        assertThat(data.get("restarted").asBoolean()).isTrue();
        assertThat(data.get("pageIns").asLong()).isEqualTo(40);
        assertThat(data.at("/faultLatency/count").asLong()).isEqualTo(40);
    }

    @Test
    void onlyVmsThatArePagedHereAreSampled() {
        var local = vm(1, VmState.LOCAL, FaultCounts.NONE, LatencyHistogram.NONE, 3);
        var leaving = vm(2, VmState.OUTGOING, FaultCounts.NONE, LatencyHistogram.NONE, 3);

        sampler.next("h2", NOW, List.of(local, leaving));

        assertThat(sampler.next("h2", NOW.plusSeconds(10), List.of(local, leaving)))
                .isEmpty();
    }

    @Test
    void aVmThatMovedBeginsAnew() {
        sampler.next("h2", NOW, List.of(vm(1, 1000)));
        var elsewhere = vm(1, VmState.SPLIT, FaultCounts.NONE, LatencyHistogram.NONE, 4);

        assertThat(sampler.next("h5", NOW.plusSeconds(10), List.of(elsewhere))).isEmpty();
        assertThat(sampler.next("h2", NOW.plusSeconds(10), List.of())).isEmpty();

        assertThat(only(sampler.next("h5", NOW.plusSeconds(20), List.of(elsewhere)))
                        .get("pageIns")
                        .asLong())
                .isZero();
    }

    @Test
    void aVmWithoutFaultsYetIsSampledToo() {
        var quiet = vm(1, VmState.SPLIT, FaultCounts.NONE, LatencyHistogram.NONE, 3);
        sampler.next("h2", NOW, List.of(quiet));

        JsonNode data = only(sampler.next("h2", NOW.plusSeconds(10), List.of(quiet)));
        assertThat(data.get("stalls").asLong()).isZero();

        assertThat(only(sampler.next("h2", NOW.plusSeconds(20), List.of(vm(1, 10))))
                        .get("stalls")
                        .asLong())
                .isEqualTo(1);
    }

    @Test
    void twoBridgesInOneIntervalMakeTheSameId() {
        Reading early = new Reading("h2", NOW, vm(1, 10));
        Reading a = new Reading("h2", NOW.plusSeconds(10), vm(1, 20));
        Reading b = new Reading("h2", NOW.plusSeconds(12), vm(1, 22));
        Reading later = new Reading("h2", NOW.plusSeconds(20), vm(1, 30));

        String id = PagingSample.between(early, a, TEN_SECONDS).id();

        assertThat(PagingSample.between(early, b, TEN_SECONDS).id()).isEqualTo(id);
        assertThat(PagingSample.between(a, later, TEN_SECONDS).id()).isNotEqualTo(id);
        assertThatIllegalArgumentException().isThrownBy(() -> PagingSample.between(later, a, TEN_SECONDS));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PagingSample.between(new Reading("h3", NOW, vm(1, 1)), a, TEN_SECONDS));
        assertThat(Samples.sample(1, 3).id()).isNotEqualTo(Samples.sample(1, 4).id());
    }
}
