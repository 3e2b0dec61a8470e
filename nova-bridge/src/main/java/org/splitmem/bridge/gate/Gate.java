package org.splitmem.bridge.gate;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.splitmem.bridge.keystone.Identity;
import org.splitmem.bridge.policy.Policy;

/** What all exchanges work with; begins one for each request. Its calls return at once. */
final class Gate extends Handler.Abstract.NonBlocking {
    /** Callers that the policy lets by this rule have threads of their own, and no budget. */
    static final String OPERATOR_RULE = "splitmem:requests:unlimited";

    /**
     * What is fixed for the life of a server.
     *
     * @param everyAnswer headers
     * @param timers for deadlines; what they run returns at once
     * @param keystoneUrl for those who bring no token
     */
    record Parts(
            Application application,
            Policy policy,
            Callers callers,
            Lanes lanes,
            Budgets requests,
            Limits limits,
            List<AddressRange> proxies,
            Map<String, String> everyAnswer,
            String keystoneUrl,
            ScheduledExecutorService timers,
            GateServer.Observer observer) {
        boolean isOperator(Identity identity) {
            return policy.allows(OPERATOR_RULE, identity);
        }
    }

    private final Parts parts;
    private final Map<Object, Connections> connectionsByConnector;
    private final Object operatorsOnly;

    /** @param operatorsOnly a connector on which nobody else is served; or anything that is none */
    Gate(Parts parts, Map<Object, Connections> connectionsByConnector, Object operatorsOnly) {
        this.parts = parts;
        this.connectionsByConnector = Map.copyOf(connectionsByConnector);
        this.operatorsOnly = operatorsOnly;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        Object connector = request.getConnectionMetaData().getConnector();
        Connections connections = connectionsByConnector.get(connector);
        if (connections == null) {
            throw new IllegalStateException("a request on a listener that is none of ours");
        }
        new Exchange(parts, connections, connector == operatorsOnly, request, response, callback).begin();
        return true;
    }
}
