package org.splitmem.bridge.policy;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.type.LogicalType;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A policy with its overrides in a file of YAML, which is read again when it has changed. One thread but for the policy itself. */
public final class PolicyFile {
    private static final Logger log = LoggerFactory.getLogger(PolicyFile.class);
    private static final YAMLMapper YAML = YAMLMapper.builder()
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .withCoercionConfig(LogicalType.Textual, text -> {
                text.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail);
                text.setCoercion(CoercionInputShape.Float, CoercionAction.Fail);
                text.setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail);
            })
            .build();

    private final Path file;
    private final Policy policy;
    private byte[] read;

    private PolicyFile(Path file, Policy policy, byte[] read) {
        this.file = file;
        this.policy = policy;
        this.read = read;
    }

    /** @throws PolicyException naming the file and, if it can be read, the rule that is wrong */
    public static PolicyFile load(Path file) throws PolicyException {
        byte[] bytes = bytes(file);
        try {
            return new PolicyFile(file, Policy.of(rules(bytes)), bytes);
        } catch (PolicyException e) {
            throw new PolicyException("policy.file " + file + ": " + e.getMessage());
        }
    }

    public Policy policy() {
        return policy;
    }

    /** Takes what has changed since it was read last. A file that is wrong is logged, once, and the rules stay as they were. */
    public void reload() {
        try {
            byte[] now = bytes(file);
            if (Arrays.equals(now, read)) {
                return;
            }
            read = now;
            policy.replace(rules(now));
            log.info("policy.file {} was read again", file);
        } catch (PolicyException e) {
            log.error("policy.file {}: the rules stay as they were: {}", file, e.getMessage());
        }
    }

    private static byte[] bytes(Path file) throws PolicyException {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new PolicyException("policy.file " + file + " cannot be read: " + e.getMessage());
        }
    }

    private static Map<String, String> rules(byte[] yaml) throws PolicyException {
        try {
            if (YAML.readTree(yaml).isEmpty()) {
                return Map.of(); // nothing but comments
            }
            Map<String, String> rules = YAML.readValue(yaml, new TypeReference<>() {});
            for (Map.Entry<String, String> rule : rules.entrySet()) {
                if (Objects.isNull(rule.getValue())) {
                    throw new PolicyException("rule " + rule.getKey() + " has no text");
                }
            }
            return rules;
        } catch (JsonMappingException e) {
            String rule = e.getPath().isEmpty() ? null : e.getPath().get(0).getFieldName();
            throw new PolicyException(
                    (rule == null ? "not a list of \"name\": \"rule\"" : "rule " + rule + " is not a text"));
        } catch (JacksonException e) {
            throw new PolicyException("not a list of \"name\": \"rule\": " + e.getOriginalMessage());
        } catch (IOException e) {
            throw new PolicyException(String.valueOf(e.getMessage()));
        }
    }
}
