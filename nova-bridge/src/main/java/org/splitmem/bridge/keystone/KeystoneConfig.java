package org.splitmem.bridge.keystone;

import java.time.Duration;

/**
 * How the service gets its own token.
 *
 * @param url of the identity API, without /v3
 * @param region whose endpoints are used; empty: the first that the catalog names
 * @param interfaceName public, internal or admin
 * @param limit of a request
 */
public record KeystoneConfig(
        String url,
        String userName,
        String userDomain,
        String password,
        String projectName,
        String projectDomain,
        String region,
        String interfaceName,
        Duration limit) {
    /** Without the password. */
    @Override
    public String toString() {
        return userName + "@" + userDomain + " for " + projectName + "@" + projectDomain + " at " + url;
    }
}
