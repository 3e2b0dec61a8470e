package org.splitmem.memory.migration;

import java.io.IOException;
import java.net.InetSocketAddress;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;

/**
 * Keeps reservations that nobody uses yet: a memory server may lose one, or free one that no connection has used for a while,
 * since whoever made it may be dead. Stateless.
 */
final class Leases {
    private static final Logger log = LoggerFactory.getLogger(Leases.class);

    private final Splits splits;

    Leases(Splits splits) {
        this.splits = splits;
    }

    /**
     * To be called every few seconds. A reservation that is not there, as this host was away for too long, is made again.
     *
     * @return false if one is not there, and cannot be made again; who cannot be reached may have it still
     */
    boolean renew(Expected one) {
        boolean all = true;
        for (VmRecord.Lender lender : one.lenders()) {
            try {
                touch(one, lender);
            } catch (PeerException e) {
                if (e.code() == ErrorCode.UNKNOWN_VM) {
                    all &= reserveAgain(one, lender);
                } else {
                    log.warn("vm={} {} does not keep its part: {}", one.vm(), lender.host(), e.getMessage());
                }
            } catch (IOException e) {
                log.warn("vm={} {} may forget its part: {}", one.vm(), lender.host(), e.getMessage());
            }
        }
        return all;
    }

    /** With the epoch that the VM will have, which the store takes, whether or not it was adopted before. */
    private static void touch(Expected one, VmRecord.Lender lender) throws IOException {
        Endpoint endpoint = new Endpoint(
                lender.host(),
                new InetSocketAddress(lender.address(), lender.dataPort()),
                one.vm(),
                lender.token(),
                VmRecord.FIRST_EPOCH + 1,
                Pages.fromBytes(one.ramBytes()));
        endpoint.connect(Hello.Role.PAGE_OUT).close();
    }

    private boolean reserveAgain(Expected one, VmRecord.Lender lender) {
        try {
            splits.reserve(one.vm(), VmRecord.FIRST_EPOCH, one.plan().at(lender));
            log.info("vm={} {} has reserved its part again", one.vm(), lender.host());
            return true;
        } catch (IOException e) {
            log.warn("vm={} {} does not reserve its part again: {}", one.vm(), lender.host(), e.getMessage());
            return false;
        }
    }
}
