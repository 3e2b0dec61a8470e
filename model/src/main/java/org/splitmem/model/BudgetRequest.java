package org.splitmem.model;

/**
 * Sets how much of a VM's RAM may be resident on its main host.
 *
 * @param bytes at least 1
 */
public record BudgetRequest(long bytes) {
    public BudgetRequest {
        Require.size("bytes", bytes);
    }
}
