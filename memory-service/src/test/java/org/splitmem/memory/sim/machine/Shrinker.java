package org.splitmem.memory.sim.machine;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Makes a plan that fails smaller, as long as it fails: fewer faults, fewer operations, no interruptions. */
public final class Shrinker {
    private static final int LAST_LINES = 200;

    private final Simulator simulator;
    private Plan plan;
    private Outcome outcome;

    /** @param outcome of the plan: a failure */
    public Shrinker(Simulator simulator, Plan plan, Outcome outcome) {
        this.simulator = simulator;
        this.plan = plan;
        this.outcome = outcome;
    }

    /** @return the story of the smallest plan that was found */
    public String shrunk() {
        for (int fault = 0; fault < outcome.faults().size(); fault++) {
            Set<Integer> fewer = new HashSet<>(plan.without());
            fewer.add(fault);
            attempt(new Plan(plan.seed(), plan.operations(), plan.calm(), fewer));
        }
        for (int operations = 0; operations < plan.operations(); operations++) {
            attempt(new Plan(plan.seed(), operations, plan.calm(), plan.without()));
        }
        attempt(new Plan(plan.seed(), plan.operations(), true, plan.without()));
        return told();
    }

    private void attempt(Plan smaller) {
        Outcome attempted = simulator.run(smaller);
        if (attempted.failure() != null) {
            plan = smaller;
            outcome = attempted;
        }
    }

    private String told() {
        List<String> story = outcome.story();
        StringBuilder text = new StringBuilder();
        text.append(plan).append(" fails after ").append(outcome.steps()).append(" steps: ");
        text.append(outcome.failure()).append("\nfaults:");
        for (int fault = 0; fault < outcome.faults().size(); fault++) {
            if (!plan.without().contains(fault)) {
                text.append("\n  ").append(outcome.faults().get(fault));
            }
        }
        text.append("\nstory:");
        for (String line : story.subList(Math.max(0, story.size() - LAST_LINES), story.size())) {
            text.append('\n').append(line);
        }
        return text.toString();
    }
}
