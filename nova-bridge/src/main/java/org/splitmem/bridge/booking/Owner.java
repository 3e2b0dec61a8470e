package org.splitmem.bridge.booking;

/** Whose quota a VM's memory counts against. */
public record Owner(String projectId, String userId) {}
