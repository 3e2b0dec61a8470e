package org.splitmem.events.cloud;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.events.Event;
import org.splitmem.events.Samples;
import org.splitmem.events.Schemas;
import org.splitmem.events.Topic;
import org.splitmem.model.InvalidJsonException;

class KafkaBindingTest {
    private final Event event = Samples.sample(1, 5);

    static ConsumerRecord<String, byte[]> received(ProducerRecord<String, byte[]> sent) {
        return new ConsumerRecord<>(
                sent.topic(),
                0,
                0,
                0,
                TimestampType.CREATE_TIME,
                0,
                0,
                sent.key(),
                sent.value(),
                sent.headers(),
                Optional.empty());
    }

    private static Map<String, String> headers(ProducerRecord<String, byte[]> message) {
        Map<String, String> all = new HashMap<>();
        message.headers().forEach(h -> all.put(h.key(), new String(h.value(), StandardCharsets.UTF_8)));
        return all;
    }

    @ParameterizedTest
    @EnumSource
    void whatIsSentIsWhatIsRead(ContentMode mode) {
        var message = KafkaBinding.toMessage(event, mode);

        assertThat(message.topic()).isEqualTo("splitmem.paging.v1");
        assertThat(message.key()).isEqualTo(Samples.uuid(1));
        assertThat(Schemas.valid(KafkaBinding.toEvent(received(message)))).isEqualTo(event);
    }

    @Test
    void binaryModeHasTheAttributesInHeadersAndTheDataAlone() {
        var message = KafkaBinding.toMessage(event, ContentMode.BINARY);

        assertThat(headers(message))
                .containsExactlyInAnyOrderEntriesOf(Map.of(
                        "content-type", "application/json",
                        "ce_specversion", "1.0",
                        "ce_id", event.id(),
                        "ce_source", "/splitmem/hosts/h2",
                        "ce_type", "org.splitmem.paging.v1.sample",
                        "ce_subject", Samples.uuid(1),
                        "ce_time", "2026-11-21T12:00:06.250Z",
                        "ce_partitionkey", Samples.uuid(1),
                        "ce_dataschema", "urn:splitmem:schema:splitmem.paging.v1"));
        assertThat(new String(message.value(), StandardCharsets.UTF_8)).startsWith("{\"instanceUuid\":");
    }

    @Test
    void structuredModeIsOneObject() {
        var message = KafkaBinding.toMessage(event, ContentMode.STRUCTURED);

        assertThat(headers(message))
                .containsOnly(Map.entry("content-type", "application/cloudevents+json; charset=UTF-8"));
        assertThat(new String(message.value(), StandardCharsets.UTF_8))
                .startsWith("{\"specversion\":\"1.0\",\"id\":")
                .contains("\"datacontenttype\":\"application/json\"", "\"data\":{\"instanceUuid\":");
    }

    @Test
    void attributesOfOthersArePassedOver() {
        var message = KafkaBinding.toMessage(event, ContentMode.BINARY);
        message.headers().add("ce_traceparent", new byte[] {'0'});
        assertThat(KafkaBinding.toEvent(received(message))).isEqualTo(event);

        var text = new String(CloudJson.write(event), StandardCharsets.UTF_8)
                .replaceFirst("\\{", "{\"traceparent\":\"0\",");
        assertThat(CloudJson.readText(text)).isEqualTo(event);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ce_id", "ce_source", "ce_type", "ce_time", "ce_specversion", "ce_partitionkey"})
    void aMissingAttributeIsNamed(String name) {
        var message = KafkaBinding.toMessage(event, ContentMode.BINARY);
        message.headers().remove(name);

        assertThatExceptionOfType(InvalidJsonException.class)
                .isThrownBy(() -> KafkaBinding.toEvent(received(message)))
                .withMessage("event: " + name + " is missing");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{}",
                "[]",
                "{\"specversion\":\"0.3\",\"data\":{}}",
                "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"com.example\",\"time\":\"2026-11-21T12:00:00Z\",\"partitionkey\":\"k\",\"data\":{}}",
                "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"org.splitmem.paging.v1.sample\",\"time\":\"noon\",\"partitionkey\":\"k\",\"data\":{}}",
            })
    void whatIsNoEventIsRefused(String text) {
        assertThatExceptionOfType(InvalidJsonException.class).isThrownBy(() -> CloudJson.readText(text));
    }

    @Test
    void anEmptyMessageIsRefused() {
        var message = new ProducerRecord<String, byte[]>(Topic.PAGING.kafkaName(), "k", null);

        assertThatExceptionOfType(InvalidJsonException.class).isThrownBy(() -> KafkaBinding.toEvent(received(message)));
    }
}
