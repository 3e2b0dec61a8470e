package org.splitmem.cli;

import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.control.ControlException;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.VmInfo;

/** What splitmemd does with a VM's pages. */
final class VmWork implements BackgroundWait.Work<VmInfo> {
    private final ControlClient control;
    private final VmInfo begun;
    private final Predicate<VmInfo> isOver;
    private final Function<VmInfo, String> progress;
    private final String goesOn;

    /**
     * Of one VM.
     *
     * @param begun the VM as it is now
     * @param isOver may throw if what is waited for will not come
     * @param progress how far it is, for people
     */
    VmWork(
            ControlClient control,
            VmInfo begun,
            Predicate<VmInfo> isOver,
            Function<VmInfo, String> progress,
            String goesOn) {
        this.control = control;
        this.begun = begun;
        this.isOver = isOver;
        this.progress = progress;
        this.goesOn = goesOn;
    }

    @Override
    public VmInfo ask() {
        try {
            return control.vm(begun.uuid());
        } catch (ControlException e) {
            throw e.refusal().is(RefusalCode.VM_NOT_FOUND)
                    ? new CommandFailedException(begun.name() + " has ended, or has left this host", e)
                    : e;
        }
    }

    @Override
    public boolean isOver(VmInfo now) {
        if (isOver.test(now)) {
            return true;
        }
        requirePresent(now);
        return false;
    }

    private static void requirePresent(VmInfo now) {
        switch (now.state()) {
            case DEFINED ->
                throw new CommandFailedException(now.name() + " has ended; it starts again as it was split");
            case EXPECTED ->
                throw new CommandFailedException(now.name() + " has ended, and is expected to start again");
            case FROZEN ->
                throw new CommandFailedException(
                        now.name() + " is frozen: what splitmemd has recorded of it is damaged, see its log");
            case LOCAL, SPLIT, INCOMING, OUTGOING, GONE -> {}
        }
    }

    @Override
    public List<String> lines(VmInfo now) {
        return List.of(now.name() + ": " + progress.apply(now));
    }

    @Override
    public String goesOn() {
        return goesOn;
    }
}
