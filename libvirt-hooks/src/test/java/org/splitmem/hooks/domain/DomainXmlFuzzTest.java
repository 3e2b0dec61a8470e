package org.splitmem.hooks.domain;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * XML of anyone who may define a domain: it is refused with one of the two documented exceptions, or is the same when it is written and read
 * again; and a domain that was made split-ready is, and stays as it is when that is done again.
 */
class DomainXmlFuzzTest {
    @FuzzTest
    void aDomainIsRefusedOrUnderstood(byte[] input) {
        try {
            DomainXml domain = DomainXml.parse(new String(input, StandardCharsets.UTF_8));
            String written = domain.serialize();
            holds(DomainXml.parse(written).serialize().equals(written), "it is the same when it is read again");
            understand(domain);
        } catch (InvalidDomainXmlException | NotSplittableException e) {
            holds(e.getMessage() != null && e.getMessage().length() < 10_000, "the refusal is short");
        }
    }

    private static void understand(DomainXml domain) {
        SplitReady.isMarked(domain);
        SplitReady.shimVm(domain);
        SplitReadiness.obstacles(domain);
        SplitReadiness.warnings(domain);
        holds(domain.memoryBytes() >= 0, "its memory has a size");
        holds(domain.ramBackendBytes().stream().allMatch(bytes -> bytes > 0), "each backend has a size");
        DomainXml ready = SplitReady.make(domain, ShimPaths.INSTALLED);
        holds(SplitReady.isSplitReady(ready) && SplitReady.isMarked(ready), "it was made split-ready");
        holds(SplitReady.shimVm(ready).equals(ready.uuid()), "the shim asks for its own VM");
        holds(domain.uuid().equals(Optional.empty()) || domain.uuid().equals(ready.uuid()), "its uuid stays");
        String written = ready.serialize();
        DomainXml read = DomainXml.parse(written);
        holds(SplitReady.make(read, ShimPaths.INSTALLED).serialize().equals(written), "done again it changes nothing");
    }

    private static void holds(boolean so, String what) {
        if (!so) {
            throw new AssertionError("not so: " + what);
        }
    }
}
