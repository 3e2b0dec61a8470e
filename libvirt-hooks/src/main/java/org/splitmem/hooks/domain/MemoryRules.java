package org.splitmem.hooks.domain;

import java.util.List;
import org.w3c.dom.Element;

/**
 * Obstacles in how a domain's memory is set up.
 *
 * <p>Not among them: a balloon, inflated or not, as what the guest gives back is taken; {@code nosharepages}, as KSM never merges
 * the pages of a shared file, whether it is allowed to or not; any source, and access {@code private}, which are replaced.
 */
final class MemoryRules {
    private final DomainXml xml;
    private final Element domain;

    MemoryRules(DomainXml xml) {
        this.xml = xml;
        this.domain = xml.root();
    }

    void inspect(List<Obstacle> found) {
        inspectSize(found);
        inspectBacking(found);
        inspectCells(found);
        for (Element security : Elements.children(domain, "launchSecurity")) {
            String type = security.getAttribute("type");
            found.add(new Obstacle(
                    Elements.path(security),
                    "the guest's memory is encrypted (" + type + "): its pages mean nothing on another host",
                    "remove <launchSecurity>"));
        }
    }

    private void inspectSize(List<Obstacle> found) {
        for (Element max : Elements.children(domain, "maxMemory")) {
            found.add(new Obstacle(
                    Elements.path(max),
                    "memory could be hot-plugged, and a split VM's RAM must not grow",
                    "remove <maxMemory>"));
        }
    }

    private void inspectBacking(List<Obstacle> found) {
        for (Element part : Elements.at(domain, "memoryBacking")) {
            for (Element element : Elements.children(part)) {
                inspectBackingPart(element, found);
            }
        }
    }

    private static void inspectBackingPart(Element element, List<Obstacle> found) {
        String path = Elements.path(element);
        switch (element.getLocalName()) {
            case "locked" ->
                found.add(new Obstacle(path, "locked memory cannot be paged out to a sub-host", "remove <locked/>"));
            case "hugepages" ->
                found.add(new Obstacle(
                        path,
                        "guest RAM is paged in pages of 4 KiB, which huge pages do not have",
                        "remove <hugepages>"));
            case "discard" ->
                found.add(new Obstacle(
                        path,
                        "QEMU would discard the contents of RAM when it exits, and after a handover they are still needed",
                        "remove <discard/>"));
            case "allocation" -> {
                if (element.getAttribute("mode").equals("immediate")) {
                    found.add(new Obstacle(
                            path + "/@mode",
                            "QEMU would touch every page at its start, remote ones too",
                            "remove mode='immediate'"));
                }
            }
            default -> {}
        }
    }

    private void inspectCells(List<Obstacle> found) {
        for (Element cell : xml.memory().cells()) {
            if (cell.getAttribute("memAccess").equals("private")) {
                found.add(new Obstacle(
                        Elements.path(cell) + "/@memAccess",
                        "QEMU would write to private copies of this cell's pages, which the daemon never sees",
                        "remove memAccess='private'"));
            }
            if (cell.getAttribute("discard").equals("yes")) {
                found.add(new Obstacle(
                        Elements.path(cell) + "/@discard",
                        "QEMU would discard this cell's contents when it exits",
                        "remove discard='yes'"));
            }
        }
    }

    static void warn(Element domain, List<Warning> found) {
        for (String limit : List.of("hard_limit", "soft_limit")) {
            for (Element element : Elements.at(domain, "memtune", limit)) {
                // Pages that the daemon wrote before QEMU started are charged to the daemon's cgroup; the rest to
                // QEMU's.
                found.add(new Warning(
                        Elements.path(element),
                        "the resident part of RAM counts as shared memory of this cgroup: keep the budget well below the limit,"
                                + " or page-ins are slowed by reclaim or fail"));
            }
        }
        Element tune = Elements.first(domain, "numatune");
        if (tune != null) {
            found.add(new Warning(
                    Elements.path(tune),
                    "pages which arrive in a migration before QEMU starts lie on any node of the host; only later page-ins follow"
                            + " the policy"));
        }
    }
}
