package org.splitmem.bridge.daemon;

import java.util.List;
import org.splitmem.model.SubHostShare;

/** Asks a host's splitmemd to let a VM be split where it is, or where it is about to start. */
record SplitRequest(String name, long ramBytes, long budgetBytes, List<SubHostShare> subHosts) {}
