package org.splitmem.hooks.domain;

/** The text is not a libvirt domain, or one of its values cannot be read. The message names the place and what was found there. */
public final class InvalidDomainXmlException extends IllegalArgumentException {
    InvalidDomainXmlException(String message) {
        super(message);
    }
}
