package org.splitmem.bridge.http;

import java.net.URI;

/** What the service needs to be let in by others: its own token, and where they are. Any thread. */
public interface Credentials {
    /**
     * A token that should be good for some minutes more.
     *
     * @throws ServiceException if none is to be had
     */
    String token() throws ServiceException;

    /** Says that a service did not accept a token, so that the next one is another. */
    void rejected(String token);

    /**
     * Where a service is, without a slash at the end.
     *
     * @param type as in Keystone's catalog
     * @throws ServiceException if it is not known
     */
    URI endpoint(String type) throws ServiceException;
}
