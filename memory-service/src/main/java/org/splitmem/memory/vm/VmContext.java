package org.splitmem.memory.vm;

import java.nio.file.Path;
import org.splitmem.memory.faultpoint.FaultPoints;

/**
 * What all VMs of a host have in common.
 *
 * @param qmpDirectory where their QEMUs listen for the daemon
 * @param definitions of those that are split
 * @param points notified at each fault point
 */
record VmContext(PagingConfig paging, Path qmpDirectory, SplitDefinitions definitions, FaultPoints points) {}
