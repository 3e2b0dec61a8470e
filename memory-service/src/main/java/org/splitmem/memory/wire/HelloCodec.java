package org.splitmem.memory.wire;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;

/** HELLO's payload as JSON: read once a connection, and easy to look at in a capture. */
public final class HelloCodec {
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .build();

    private HelloCodec() {}

    public static byte[] encode(Hello hello) {
        try {
            return JSON.writeValueAsBytes(hello);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a HELLO always has a JSON form", e);
        }
    }

    /** @throws PeerException if it is not a complete HELLO */
    public static Hello decode(byte[] payload) throws PeerException {
        try {
            Hello hello = JSON.readValue(payload, Hello.class);
            if (hello == null) {
                throw new PeerException(ErrorCode.BAD_FRAME, "HELLO is null");
            }
            return hello;
        } catch (JsonProcessingException e) {
            throw new PeerException(ErrorCode.BAD_FRAME, "HELLO is not understood: " + e.getOriginalMessage());
        } catch (PeerException e) {
            throw e;
        } catch (IOException e) {
            throw new PeerException(ErrorCode.BAD_FRAME, "HELLO is not JSON: " + e.getMessage());
        }
    }
}
