package org.splitmem.memory.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class ChunkSealTest {
    private static final long PAGES = 3 * ChunkSeal.CHUNK_PAGES + 5;

    @Test
    void chunksCoverTheVmAndTheLastOneIsShorter() {
        assertThat(ChunkSeal.chunksOf(PAGES)).isEqualTo(4);
        assertThat(ChunkSeal.length(3, PAGES)).isEqualTo(5);
        assertThat(ChunkSeal.length(2, PAGES)).isEqualTo(ChunkSeal.CHUNK_PAGES);
        assertThat(ChunkSeal.chunkOf(PAGES - 1)).isEqualTo(3);
        assertThat(ChunkSeal.firstPage(3)).isEqualTo(3 * ChunkSeal.CHUNK_PAGES);
        assertThat(ChunkSeal.chunksOf(536_870_912)).as("2 TiB").isEqualTo(16_384);
    }

    @Test
    void aChunkIsSealedUntilItIsOpened() {
        ChunkSeal seal = ChunkSeal.allSealed(PAGES);

        assertThat(seal.open(1)).isTrue();

        assertThat(seal.open(1)).as("open already").isFalse();
        assertThat(seal.isSealed(ChunkSeal.CHUNK_PAGES - 1)).isTrue();
        assertThat(seal.isSealed(ChunkSeal.CHUNK_PAGES)).isFalse();
        assertThat(seal.isSealed(2 * ChunkSeal.CHUNK_PAGES)).isTrue();
        assertThat(seal.allOpen()).isFalse();
    }

    @Test
    void aSealedChunkIsAskedForOnceAndAnOpenOneNever() {
        ChunkSeal seal = ChunkSeal.allSealed(PAGES);

        assertThat(seal.want(2)).isTrue();
        assertThat(seal.want(2)).isFalse();
        assertThat(seal.isSealed(2 * ChunkSeal.CHUNK_PAGES)).isTrue();
        seal.open(2);
        seal.open(3);
        assertThat(seal.want(2)).isFalse();
        assertThat(seal.want(3)).isFalse();
    }

    @Test
    void theNextDaemonFindsTheSameChunksOpen() {
        ByteBuffer kept = ByteBuffer.allocate(4096);
        ChunkSeal seal = ChunkSeal.allSealed(PAGES, kept);
        seal.want(0);
        seal.open(2);

        ChunkSeal next = new ChunkSeal(PAGES, kept);

        assertThat(next.isSealed(0)).isTrue();
        assertThat(next.isSealed(2 * ChunkSeal.CHUNK_PAGES)).isFalse();
        assertThat(next.want(0)).as("nobody will answer the earlier daemon").isTrue();
        for (int chunk = 0; chunk < 4; chunk++) {
            next.open(chunk);
        }
        assertThat(next.allOpen()).isTrue();
    }

    /** A chunk that is sealed again after its guest has written would be fetched as it was before. */
    @Test
    void whatNobodyHasWrittenIsNotTakenForSealed() {
        ByteBuffer kept = ByteBuffer.allocate(4096);
        ChunkSeal.allSealed(PAGES, kept).open(1);
        kept.put(1, (byte) 0);

        assertThatThrownBy(() -> new ChunkSeal(PAGES, kept))
                .hasMessageContaining("whether chunk 1 is open is not known");
    }
}
