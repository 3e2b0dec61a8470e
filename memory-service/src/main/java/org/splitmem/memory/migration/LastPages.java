package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.vm.Vm;

/**
 * Pushes the pages that the last scan found to the destination, on a thread of its own, while the guest may run there already. A failure
 * ends nothing: the destination fetches what it does not get.
 */
final class LastPages {
    private static final Logger log = LoggerFactory.getLogger(LastPages.class);

    /** How often pages are pushed again that were damaged on their way; the destination asks for the rest. */
    private static final int MOST_AGAIN = 3;

    private final Vm vm;
    private final MigrationTask task;
    private final RoundSender sender;
    private final List<StreamGroup> main;
    private final ControlLink link;
    private final Confirmations confirmations;

    LastPages(
            Vm vm,
            MigrationTask task,
            RoundSender sender,
            List<StreamGroup> main,
            ControlLink link,
            Confirmations confirmations) {
        this.vm = vm;
        this.task = task;
        this.sender = sender;
        this.main = main;
        this.link = link;
        this.confirmations = confirmations;
    }

    void start() {
        new Thread(this::push, "migration-push-" + vm.uuid()).start();
    }

    /** Only once every chunk is open there: a page pushed into a sealed one could overwrite what the guest writes next. */
    void push() {
        RequestId.isPartOf(task.origin().requestId());
        try {
            if (!confirmations.awaitOpened(link)) {
                return;
            }
            send();
            for (int again = 0; again < MOST_AGAIN && sender.againPages() > 0; again++) {
                log.warn(
                        "vm={} migration={} {} pages were damaged on their way",
                        vm.uuid(),
                        task.id(),
                        sender.againPages());
                send();
            }
            vm.reached(FaultPoint.PUSHED);
        } catch (IOException e) {
            log.warn(
                    "vm={} migration={} pushing ended, the destination fetches the rest: {}",
                    vm.uuid(),
                    task.id(),
                    e.getMessage());
        }
    }

    private void send() throws IOException {
        sender.send(main, () -> false, sent -> {});
    }
}
