package org.splitmem.memory;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.stream.PagesFrame;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.DaemonUse;
import org.splitmem.memory.testing.FakeQemu;
import org.splitmem.memory.testing.Gcc;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.InstalledDaemon;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.RunList;

/**
 * A host carries 200 split VMs with 4 sub-hosts each, and half as many again: daemons as they are installed, of which one has all VMs and
 * each other one lends to them. Prints what a VM takes of each. By default with fewer VMs, from which it reckons; with
 * -Dsplitmem.nightly=true 200, and 100 with one sub-host.
 */
@Tag("root")
class ManyVmsTest {
    private static final int DESIGNED = 200;
    /** As many would have to fit. */
    private static final double WITH_ROOM = 1.5 * DESIGNED;

    /** The most that a data port serves, see DataServer. */
    private static final int CONNECTIONS = 4_096;

    /** Of the heap, for what lives after a collection: the rest is for garbage. */
    private static final double HEAP_SHARE = 0.75;

    private static final long LIMIT_S = 120;

    private static final boolean WHOLE = Boolean.getBoolean("splitmem.nightly");
    private static final int VMS = WHOLE ? DESIGNED : 24;
    /** With one sub-host each, before the others: what differs is what three sub-hosts take. */
    private static final int FIRST = 4;

    private static final int SMALL = WHOLE ? 96 : 12;
    /** Of a migration. */
    private static final int STREAMS_OF_VM = 4;

    private static final List<String> SUB_HOSTS = List.of("h2", "h3", "h4", "h5");
    private static final List<String> MEASURED = List.of("h1", "h2");
    private static final Path UNIT = Path.of("../conf/systemd/splitmemd.service");
    /** The smallest budget that there is, and a batch of page-outs for each sub-host. */
    private static final long BUDGET = 16L << 20;

    private static final long RAM = BUDGET + SUB_HOSTS.size() * (2L << 20);
    private static final ObjectMapper JSON = new ObjectMapper();

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final Map<String, InstalledDaemon> daemons = new LinkedHashMap<>();
    private final List<FakeQemu> guests = new CopyOnWriteArrayList<>();
    private final ExecutorService pool = Executors.newFixedThreadPool(8);
    private final List<FrameSocket> streams = new ArrayList<>();
    private InstalledDaemon.Network network;
    private Path program;

    @Test
    @Timeout(600)
    void oneDaemonCarriesThemAndSoDoesOneThatLendsToAll() throws Exception {
        startDaemons();
        DaemonUse mainIdle = DaemonUse.of(main());
        DaemonUse lenderIdle = DaemonUse.of(lender());

        startAndUse(FIRST, SUB_HOSTS.subList(0, 1)); // what is made once is made now
        DaemonUse first = DaemonUse.of(main());
        startAndUse(SMALL, SUB_HOSTS.subList(0, 1));
        DaemonUse second = DaemonUse.of(main());
        DaemonUse lent = DaemonUse.of(lender());
        startAndUse(VMS, SUB_HOSTS);
        DaemonUse mainUse = DaemonUse.of(main());
        DaemonUse lenderUse = DaemonUse.of(lender());
        openStreams();
        DaemonUse streamsUse = DaemonUse.of(lender());

        DaemonUse vm = mainUse.minus(second).times(1.0 / VMS);
        DaemonUse subHost = vm.minus(second.minus(first).times(1.0 / SMALL)).times(1.0 / (SUB_HOSTS.size() - 1));
        DaemonUse store = lenderUse.minus(lent).times(1.0 / VMS);
        DaemonUse stream = streamsUse.minus(lenderUse).times(1.0 / streams.size());
        say("a main host, idle", mainIdle);
        say("a main host with " + guests.size() + " VMs", mainUse);
        say("each VM with " + SUB_HOSTS.size() + " sub-hosts, there", vm);
        say("of that each sub-host", subHost);
        say("a sub-host, idle", lenderIdle);
        say("a sub-host with " + guests.size() + " VMs", lenderUse);
        say("each VM, there", store);
        say("each stream to it", stream);
        say("limits", DaemonUse.limits(main(), UNIT));

        assertThat(exceeded(main(), mainUse.plus(vm, WITH_ROOM - guests.size())))
                .as("what " + WITH_ROOM + " VMs exceed on their main host")
                .isEmpty();
        assertThat(exceeded(
                        lender(),
                        lenderUse.plus(store, WITH_ROOM - guests.size()).plus(stream, CONNECTIONS)))
                .as("what " + WITH_ROOM + " VMs and " + CONNECTIONS + " streams exceed on a sub-host")
                .isEmpty();
        for (InstalledDaemon daemon : daemons.values()) {
            assertThat(daemon.log()).doesNotContain("OutOfMemory").doesNotContain("ERROR");
        }
    }

    private static void say(String what, DaemonUse use) {
        System.out.println(what + ": " + use);
    }

    /** @return of which limits that is more than there is */
    private static String exceeded(InstalledDaemon daemon, DaemonUse need) throws Exception {
        return DaemonUse.limits(daemon, UNIT).withHeap(HEAP_SHARE).exceededBy(need);
    }

    private InstalledDaemon main() {
        return daemons.get("h1");
    }

    private InstalledDaemon lender() {
        return daemons.get("h2");
    }

    private void startDaemons() throws Exception {
        program = Gcc.compile("paging/fakeqemu.c", directory.resolve("fakeqemu"));
        List<String> hosts = new ArrayList<>(List.of("h1"));
        hosts.addAll(SUB_HOSTS);
        network = InstalledDaemon.Network.of(hosts);
        for (String host : hosts) {
            daemons.put(host, new InstalledDaemon(host, network, directory.resolve(host), MEASURED.contains(host)));
        }
        for (InstalledDaemon daemon : daemons.values()) {
            daemon.awaitReady();
        }
    }

    /** Has each of them write and read all its RAM, so that pages go out to each of its sub-hosts and come back from it, twice. */
    private void startAndUse(int count, List<String> subHosts) throws Exception {
        int from = guests.size();
        inParallel(count, number -> startSplit(from + number, subHosts));
        Await.within(LIMIT_S, "each VM has pages on each sub-host", this::useUntilOnAll);
        run("fill 0 " + Pages.fromBytes(RAM) + " 2");
        run("verify 0 " + Pages.fromBytes(RAM));
    }

    private void startSplit(int number, List<String> subHosts) throws Exception {
        UUID vm = uuid(number);
        String name = "vm" + number;
        FakeQemu qemu = FakeQemu.start(program, vm, main().path("shim.sock"));
        guests.add(qemu);
        qemu.run("lock " + main().path("libvirt/" + name + ".pid"));
        Files.writeString(main().path("libvirt/" + name + ".xml"), """
                <domstatus state='running' pid='%d'><domain type='qemu'><name>%s</name><uuid>%s</uuid></domain></domstatus>
                """.formatted(qemu.pid(), name, vm));
        qemu.run("monitor " + main().path("qmp/" + vm + ".sock"));
        qemu.run("map " + RAM);
        qemu.run("fill 0 " + Pages.fromBytes(RAM) + " 1");
        String request = "{\"budgetBytes\":" + BUDGET + ",\"subHosts\":["
                + subHosts.stream().map(host -> "{\"host\":\"" + host + "\"}").collect(Collectors.joining(",")) + "]}";
        Await.within(LIMIT_S, "VM " + name + " is split", () -> {
            HttpResponse<String> answer = main().ask("POST", "/v1/vms/" + vm + "/split", request);
            boolean isEarly = answer.body().contains("vm-not-attached") || answer.statusCode() == 404;
            assertThat(isEarly ? 200 : answer.statusCode()).as(answer.body()).isEqualTo(200);
            return !isEarly;
        });
    }

    private static UUID uuid(int number) {
        return new UUID(0x6d1f000000004000L, 0x8000000000000000L + number);
    }

    /** As a migration to the sub-host has them, of each VM; a page has gone over each. */
    private void openStreams() throws Exception {
        GuestMemory memory = TestMemory.of(directory.path(), Pages.fromBytes(RAM));
        GuestContent.write(memory, 0, 1, 1);
        for (int number = 0; number < VMS; number++) {
            UUID vm = uuid(number);
            JsonNode store = JSON.readTree(
                    lender().path("mem/stores/" + vm + "/store.json").toFile());
            Endpoint endpoint = new Endpoint(
                    "h2",
                    network.data("h2"),
                    vm,
                    store.path("token").asText(),
                    store.path("epoch").asLong(),
                    Pages.fromBytes(RAM));
            for (int i = 0; i < STREAMS_OF_VM; i++) {
                FrameSocket stream = endpoint.connect(Hello.Role.STREAM);
                streams.add(stream);
                RunList runs = new RunList();
                runs.add(0);
                PagesFrame frame = new PagesFrame(memory, PagesFrame.OF_PAGE_OUT);
                frame.begin(runs);
                while (frame.read(PagesFrame.Choice.ALL)) {
                    frame.send(stream);
                }
                new Flushes(memory.pages()).flush(stream, page -> {});
            }
        }
    }

    /** What comes back makes room on one sub-host, and what goes out for it goes to another. */
    private boolean useUntilOnAll() throws Exception {
        run("verify 0 " + Pages.fromBytes(RAM));
        return haveAllPagesOut();
    }

    private boolean haveAllPagesOut() throws Exception {
        JsonNode vms = JSON.readTree(main().ask("GET", "/v1/vms", "").body());
        for (JsonNode vm : vms) {
            for (JsonNode bytes : vm.path("remoteBytes")) {
                if (bytes.asLong() == 0) {
                    return false;
                }
            }
            if (vm.path("remoteBytes").size() != vm.path("reservedBytes").size()) {
                return false;
            }
        }
        return vms.size() == guests.size();
    }

    /** All guests at once. */
    private void run(String command) throws Exception {
        for (FakeQemu guest : guests) {
            guest.begin(command);
        }
        for (FakeQemu guest : guests) {
            guest.end();
        }
    }

    private interface OfNumber {
        void run(int number) throws Exception;
    }

    private void inParallel(int count, OfNumber work) throws Exception {
        List<Callable<Boolean>> tasks = IntStream.range(0, count)
                .mapToObj(number -> (Callable<Boolean>) () -> {
                    work.run(number);
                    return true;
                })
                .toList();
        for (Future<Boolean> one : pool.invokeAll(tasks)) {
            one.get();
        }
    }

    @AfterEach
    void end() {
        pool.shutdownNow();
        streams.forEach(FrameSocket::close);
        guests.forEach(FakeQemu::close);
        daemons.values().forEach(InstalledDaemon::close);
    }
}
