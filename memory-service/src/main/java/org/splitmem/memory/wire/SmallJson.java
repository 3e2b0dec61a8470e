package org.splitmem.memory.wire;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;

/** Payloads that are JSON, since they are read once a connection and easy to look at in a capture. Strict: all fields, and no others. */
public final class SmallJson {
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .build();

    private SmallJson() {}

    /** @param value a {@link Hello} or a {@link PullSource} */
    public static byte[] encode(Object value) {
        try {
            return JSON.writeValueAsBytes(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(value.getClass() + " always has a JSON form", e);
        }
    }

    /** @throws PeerException if it is not a complete HELLO */
    public static Hello hello(byte[] payload) throws PeerException {
        return decode(payload, Hello.class, FrameType.HELLO);
    }

    /** @throws PeerException if it is not a complete PULL_FROM */
    public static PullSource pullSource(byte[] payload) throws PeerException {
        return decode(payload, PullSource.class, FrameType.PULL_FROM);
    }

    private static <T> T decode(byte[] payload, Class<T> type, FrameType what) throws PeerException {
        try {
            T value = JSON.readValue(payload, type);
            if (value == null) {
                throw new PeerException(ErrorCode.BAD_FRAME, what + " is null");
            }
            return value;
        } catch (JsonProcessingException e) {
            throw new PeerException(ErrorCode.BAD_FRAME, what + " is not understood: " + e.getOriginalMessage());
        } catch (PeerException e) {
            throw e;
        } catch (IOException e) {
            throw new PeerException(ErrorCode.BAD_FRAME, what + " is not JSON: " + e.getMessage());
        }
    }
}
