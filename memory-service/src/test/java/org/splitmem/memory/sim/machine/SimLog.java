package org.splitmem.memory.sim.machine;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.Marker;
import org.slf4j.event.Level;
import org.slf4j.helpers.LegacyAbstractLogger;
import org.slf4j.helpers.MessageFormatter;

/** Loggers of simulated code: what they are told is part of the story. */
public final class SimLog extends LegacyAbstractLogger {
    private static final long serialVersionUID = 1L;
    private static final Level LEVEL = Level.valueOf(System.getProperty("sim.log", "WARN"));

    private SimLog(String name) {
        this.name = name.substring(name.lastIndexOf('.') + 1);
    }

    public static Logger getLogger(Class<?> of) {
        return new SimLog(of.getName());
    }

    public static Logger getLogger(String name) {
        return new SimLog(name);
    }

    private static boolean isOn(Level level) {
        return level.toInt() >= LEVEL.toInt() && Carrier.here() != null;
    }

    @Override
    protected String getFullyQualifiedCallerName() {
        return name;
    }

    @Override
    protected void handleNormalizedLoggingCall(
            Level level, Marker marker, String message, Object @Nullable [] arguments, @Nullable Throwable why) {
        SimThread self = SimThread.currentThread();
        if (!self.scheduler().isQuiet() && !self.process().isDead()) {
            String text = MessageFormatter.basicArrayFormat(message, arguments);
            self.scheduler().event(self + " " + level + " " + name + ": " + text + (why == null ? "" : " - " + why));
        }
    }

    @Override
    public boolean isTraceEnabled() {
        return isOn(Level.TRACE);
    }

    @Override
    public boolean isDebugEnabled() {
        return isOn(Level.DEBUG);
    }

    @Override
    public boolean isInfoEnabled() {
        return isOn(Level.INFO);
    }

    @Override
    public boolean isWarnEnabled() {
        return isOn(Level.WARN);
    }

    @Override
    public boolean isErrorEnabled() {
        return isOn(Level.ERROR);
    }
}
