package org.splitmem.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UrlTextTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "db1", "win 11", "100%", "a%2Fb", "a/b", "who?", "db#1", "a;b=c&d", "a+b", ".", "..", "...", "a..b",
                "\n\0", "数据库🐘", "~-_.*"
            })
    void anyTextIsOneSegmentAndComesBackAsItWas(String text) {
        String segment = UrlText.segment(text);

        URI uri = URI.create("http://h1/v1/vms/" + segment + "/budget").normalize();
        assertThat(uri.getRawPath()).isEqualTo("/v1/vms/" + segment + "/budget");
        assertThat(uri.getRawQuery()).isNull();
        assertThat(segment).doesNotContain("/");
        assertThat(UrlText.ofSegment(segment)).isEqualTo(text);
    }

    @Test
    void aValueEndsNoParameter() {
        assertThat(UrlText.query("a&b=c d+e#f")).isEqualTo("a%26b%3Dc+d%2Be%23f");
    }

    @ParameterizedTest
    @ValueSource(strings = {"%", "a%2", "%zz", "%-1"})
    void whatIsNoEncodingIsRefused(String segment) {
        assertThatThrownBy(() -> UrlText.ofSegment(segment)).isInstanceOf(IllegalArgumentException.class);
    }
}
