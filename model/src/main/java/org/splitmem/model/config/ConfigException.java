package org.splitmem.model.config;

/** A setting is wrong; the text names the key, the value and what is allowed. */
public final class ConfigException extends Exception {
    private static final long serialVersionUID = 1L;

    public ConfigException(String message) {
        super(message);
    }
}
