package org.splitmem.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.type.LogicalType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * The one JSON mapping of all programs.
 *
 * <p>Strict, since a misspelt option that is silently dropped is a migration that does something else: unknown and repeated fields, text
 * after the end, missing numbers, null in place of a number and a number in place of a text are refused. An absent or null field stands for "not given"; nulls are not
 * written.
 */
public final class Json {
    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .withCoercionConfig(LogicalType.Textual, text -> {
                text.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail);
                text.setCoercion(CoercionInputShape.Float, CoercionAction.Fail);
                text.setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail);
            })
            .defaultPropertyInclusion(
                    JsonInclude.Value.construct(JsonInclude.Include.NON_NULL, JsonInclude.Include.ALWAYS))
            .build();

    /** The same, with names_like_this: what OpenStack's users expect. */
    private static final ObjectMapper SNAKE =
            MAPPER.copy().setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE);

    private Json() {}

    /** The configured mapper, for streaming and trees; shared, and not to be reconfigured. */
    public static ObjectMapper mapper() {
        return MAPPER;
    }

    /** The value as compact JSON on one line. */
    public static String write(Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "cannot be written as JSON: " + value.getClass().getName(), e);
        }
    }

    /** The value as UTF-8 JSON. */
    public static byte[] writeBytes(Object value) {
        try {
            return MAPPER.writeValueAsBytes(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "cannot be written as JSON: " + value.getClass().getName(), e);
        }
    }

    /** @throws InvalidJsonException if the text is not the JSON of a valid {@code type} */
    public static <T> T read(String text, Class<T> type) {
        return read(() -> MAPPER.readValue(text, type), type.getSimpleName());
    }

    /** @throws InvalidJsonException if the UTF-8 text is not the JSON of a valid {@code type} */
    public static <T> T read(byte[] utf8, Class<T> type) {
        return read(() -> MAPPER.readValue(utf8, type), type.getSimpleName());
    }

    /** @throws InvalidJsonException if the UTF-8 text is not the JSON of a valid {@code type} */
    public static <T> T read(byte[] utf8, TypeReference<T> type) {
        return read(() -> MAPPER.readValue(utf8, type), type.getType().getTypeName());
    }

    /**
     * As {@link #read(byte[], Class)}, with names_like_this; what is wrong is said without the record's name, which is ours and not the API's.
     *
     * @throws InvalidJsonException if the UTF-8 text is not the JSON of a valid {@code type}
     */
    public static <T> T readSnake(byte[] utf8, Class<T> type) {
        return read(() -> SNAKE.readValue(utf8, type), "");
    }

    /** The value as JSON on one line, with names_like_this. */
    public static String writeSnakeText(Object value) {
        return new String(writeSnake(value), StandardCharsets.UTF_8);
    }

    /** The value as UTF-8 JSON, with names_like_this. */
    public static byte[] writeSnake(Object value) {
        try {
            return SNAKE.writeValueAsBytes(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "cannot be written as JSON: " + value.getClass().getName(), e);
        }
    }

    private interface Reading<T> {
        T read() throws IOException;
    }

    private static <T> T read(Reading<T> reading, String name) {
        T value;
        try {
            value = reading.read();
        } catch (IOException e) {
            throw new InvalidJsonException((name.isEmpty() ? "" : name + ": ") + JsonFaults.explain(e), e);
        }
        if (value == null) {
            throw new InvalidJsonException(
                    (name.isEmpty() ? "" : name + ": ") + "null instead of an object", new NullPointerException());
        }
        return value;
    }
}
