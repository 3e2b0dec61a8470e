package org.splitmem.bridge.gate;

import org.splitmem.model.Refusal;

/** What is behind the gate. */
public interface Application extends AutoCloseable {
    /** Answers; may wait. Any thread. Never throws: a failure is an answer. */
    Reply answer(Incoming request);

    /** A refusal in the API's form. Returns at once. */
    Reply refusal(Refusal refusal);

    @Override
    void close();
}
