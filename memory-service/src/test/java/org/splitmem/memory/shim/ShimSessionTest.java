package org.splitmem.memory.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.memory.linux.SocketPair;

class ShimSessionTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");

    /** A shim that answers each request with this. */
    private static ShimSession answering(SocketPair pair, int type, int seqOffset, int errno) {
        Thread thread = new Thread(() -> {
            try {
                ShimMessage message = new ShimMessage();
                while (true) {
                    message.receive(pair.far());
                    message.set(type, message.seq() + seqOffset, errno, 0, 0, 0).send(pair.far(), null);
                }
            } catch (IOException e) {
                pair.far().shutdown();
            }
        });
        thread.setDaemon(true);
        thread.start();
        return new ShimSession(VM, pair.near(), List.of(0), true);
    }

    @Test
    void moreRangesThanARequestHoldsGoInSeveral() throws Exception {
        try (FakeShim shim = new FakeShim(VM)) {
            int[] next = {0};
            shim.session().zap(3, consumer -> {
                while (next[0] < 2500) {
                    if (!consumer.add(next[0] * 8192L, 4096)) {
                        return true;
                    }
                    next[0]++;
                }
                return false;
            });

            assertThat(shim.requests()).isEqualTo(List.of(ShimMessage.ZAP, ShimMessage.ZAP, ShimMessage.ZAP));
            assertThat(shim.zaps()).hasSize(2500);
            assertThat(shim.zaps().get(1024)).isEqualTo(new FakeShim.Zap(3, 1024 * 8192L, 4096));
        }
    }

    @Test
    void nothingToZapIsNoRequest() throws Exception {
        try (FakeShim shim = new FakeShim(VM)) {
            shim.session().zap(0, consumer -> false);

            assertThat(shim.requests()).isEmpty();
        }
    }

    @Test
    void whatBecomesOfDiscardsIsSaidOnce() throws Exception {
        try (FakeShim shim = new FakeShim(VM)) {
            shim.session().setDiscards(DiscardRule.IGNORED);
            shim.session().setDiscards(DiscardRule.IGNORED);
            shim.session().setDiscards(DiscardRule.ASKED);
            shim.session().setDiscards(DiscardRule.IGNORED);

            assertThat(shim.discards()).containsExactly(DiscardRule.IGNORED, DiscardRule.ASKED, DiscardRule.IGNORED);
        }
    }

    @Test
    void aRuleThatWasRefusedIsSaidAgain() throws Exception {
        try (SocketPair pair = SocketPair.open()) {
            ShimSession session = answering(pair, ShimMessage.DONE, 0, 22);

            assertThatThrownBy(() -> session.setDiscards(DiscardRule.ASKED)).hasMessageContaining("EINVAL");
            assertThatThrownBy(() -> session.setDiscards(DiscardRule.ASKED)).hasMessageContaining("EINVAL");
        }
    }

    /** It would take the request for garbage. */
    @Test
    void anOlderShimIsNotToldOfDiscards() throws Exception {
        try (SocketPair pair = SocketPair.open()) {
            ShimSession session = new ShimSession(VM, pair.near(), List.of(0), false);
            pair.far().close();

            session.setDiscards(DiscardRule.ASKED);
        }
    }

    @Test
    void aRefusalSaysTheKernelsWord() throws Exception {
        try (SocketPair pair = SocketPair.open()) {
            ShimSession session = answering(pair, ShimMessage.DONE, 0, 22);

            assertThatThrownBy(() -> session.setModes(0, 7))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(VM.toString())
                    .hasMessageContaining("Invalid argument (EINVAL 22)");
        }
    }

    @Test
    void anAnswerToAnotherRequestEndsTheConversation() throws Exception {
        try (SocketPair pair = SocketPair.open()) {
            ShimSession session = answering(pair, ShimMessage.DONE, 1, 0);

            assertThatThrownBy(() -> session.holdExit(true)).hasMessageContaining("answered request 1");
            assertThatThrownBy(() -> session.holdExit(true)).hasMessageContaining("does not answer");
        }
    }

    @Test
    void aShimThatIsGoneIsSaidAsSuch() throws Exception {
        try (SocketPair pair = SocketPair.open()) {
            ShimSession session = new ShimSession(VM, pair.near(), List.of(0), true);
            pair.far().close();

            assertThatThrownBy(() -> session.setModes(0, 0))
                    .hasMessageContaining("the shim of VM " + VM + " does not answer");
        }
    }

    @Test
    @Timeout(20)
    void aDisconnectEndsARequestThatWaitsAndEveryLaterOne() throws Exception {
        try (SocketPair pair = SocketPair.open()) {
            ShimSession session = new ShimSession(VM, pair.near(), List.of(0), true);
            CompletableFuture<Void> waiting =
                    CompletableFuture.runAsync(() -> assertThatThrownBy(() -> session.setModes(0, 0))
                            .isInstanceOf(IOException.class)
                            .hasMessageContaining("does not answer"));
            new ShimMessage().receive(pair.far()); // it was asked, and now waits for ever

            session.disconnect();
            session.disconnect();

            waiting.get(10, TimeUnit.SECONDS);
            assertThatThrownBy(() -> session.holdExit(true))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("is not connected any more");
        }
    }

    @Test
    void aTextIsCutToItsFieldAndKeepsItsBytes() {
        ShimMessage message = new ShimMessage().set(ShimMessage.ERROR, 1, 1, 0, 0, 0);

        assertThat(message.text("no such VM").text()).isEqualTo("no such VM");
        assertThat(message.text("x".repeat(300)).text()).hasSize(ShimMessage.TEXT_BYTES - 1);
        assertThat(message.text("").text()).isEmpty();
    }

    @Test
    void usersAreFoundByNameAndUnknownOnesPassedOver() {
        List<String> passwd = List.of("root:x:0:0::/root:/bin/sh", "libvirt-qemu:x:64055:108::/:/bin/false", "broken");

        assertThat(Users.idsOf(List.of("root", "libvirt-qemu", "nobody-here"), passwd))
                .containsExactlyInAnyOrder(0, 64055);
    }
}
