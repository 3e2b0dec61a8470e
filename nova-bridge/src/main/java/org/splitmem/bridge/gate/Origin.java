package org.splitmem.bridge.gate;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/**
 * Where a request comes from, and how its sender sees this service.
 *
 * <p>What proxies say of that (Forwarded of RFC 7239, or else X-Forwarded-*) counts only from the addresses that are configured as proxies; a
 * value that cannot be one is passed over.
 *
 * @param client address
 * @param base of links, with a slash at its end
 */
record Origin(String client, URI base) {
    private static final String HOST = "(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._-]{1,255})(:[0-9]{1,5})?";
    private static final String PREFIX = "(/[A-Za-z0-9._~-]+)*/?";

    static Origin of(Request request, List<AddressRange> proxies) {
        InetAddress peer = peer(request);
        String scheme = "http";
        String authority = authority(request);
        if (peer == null || !isProxy(peer, proxies)) {
            return new Origin(peer == null ? "-" : peer.getHostAddress(), base(scheme, authority, ""));
        }
        HttpFields fields = request.getHeaders();
        List<Map<String, String>> hops = forwarded(fields);
        Map<String, String> first = hops.isEmpty() ? Map.of() : hops.get(0);
        boolean standard = !hops.isEmpty();
        String proto = standard ? first.get("proto") : first(fields, "X-Forwarded-Proto");
        String host = standard ? first.get("host") : first(fields, "X-Forwarded-Host");
        String port = standard ? null : first(fields, "X-Forwarded-Port");
        String prefix = first(fields, "X-Forwarded-Prefix");
        if (proto != null && proto.toLowerCase(Locale.ROOT).matches("https?")) {
            scheme = proto.toLowerCase(Locale.ROOT);
        }
        if (host != null && host.matches(HOST)) {
            authority = host;
        }
        if (port != null && port.matches("[0-9]{1,5}")) {
            authority = withPort(authority, scheme, port);
        }
        return new Origin(
                client(peer, standard ? fors(hops) : split(fields, "X-Forwarded-For"), proxies),
                base(scheme, authority, prefix != null && prefix.matches(PREFIX) ? prefix : ""));
    }

    private static URI base(String scheme, String authority, String prefix) {
        return URI.create(scheme + "://" + authority + prefix.replaceAll("/+$", "") + "/");
    }

    private static @Nullable InetAddress peer(Request request) {
        SocketAddress address = request.getConnectionMetaData().getRemoteSocketAddress();
        return address instanceof InetSocketAddress internet ? internet.getAddress() : null;
    }

    private static String authority(Request request) {
        String host = request.getHeaders().get("Host");
        if (host != null && host.matches(HOST)) {
            return host;
        }
        // HTTP/1.0, or a name that has no place in a link.
        return Request.getLocalAddr(request) + ":" + Request.getLocalPort(request);
    }

    private static String withPort(String authority, String scheme, String port) {
        String name = authority.replaceAll(":[0-9]+$", "");
        boolean usual = port.equals(scheme.equals("https") ? "443" : "80");
        return usual ? name : name + ":" + port;
    }

    private static boolean isProxy(InetAddress address, List<AddressRange> proxies) {
        return proxies.stream().anyMatch(range -> range.contains(address));
    }

    /** The nearest that is no proxy of ours: what is further away could be anything that the client has sent. */
    private static String client(InetAddress peer, List<String> chain, List<AddressRange> proxies) {
        String client = peer.getHostAddress();
        for (int i = chain.size() - 1; i >= 0; i--) {
            String one = chain.get(i).replaceAll("^\\[|\\](:[0-9]+)?$", "");
            String address = one.matches("[0-9.]+:[0-9]+") ? one.substring(0, one.indexOf(':')) : one;
            if (!AddressRange.isNumeric(address)) {
                return client;
            }
            AddressRange range = AddressRange.parse(address);
            client = range.start().getHostAddress();
            if (!isProxy(range.start(), proxies)) {
                return client;
            }
        }
        return client;
    }

    private static List<Map<String, String>> forwarded(HttpFields fields) {
        List<Map<String, String>> hops = new ArrayList<>();
        for (String hop : split(fields, "Forwarded")) {
            Map<String, String> pairs = new LinkedHashMap<>();
            for (String pair : hop.split(";", -1)) {
                int equals = pair.indexOf('=');
                if (equals > 0) {
                    String value = pair.substring(equals + 1).strip().replaceAll("^\"|\"$", "");
                    pairs.put(pair.substring(0, equals).strip().toLowerCase(Locale.ROOT), value);
                }
            }
            hops.add(pairs);
        }
        return hops;
    }

    private static List<String> fors(List<Map<String, String>> hops) {
        return hops.stream().map(hop -> hop.getOrDefault("for", "unknown")).toList();
    }

    private static @Nullable String first(HttpFields fields, String name) {
        List<String> all = split(fields, name);
        return all.isEmpty() ? null : all.get(0);
    }

    private static List<String> split(HttpFields fields, String name) {
        List<String> all = new ArrayList<>();
        for (String value : fields.getValuesList(name)) {
            for (String part : value.split(",", -1)) {
                if (!part.isBlank()) {
                    all.add(part.strip());
                }
            }
        }
        return all;
    }
}
