/**
 * The command line of the operator: one class per command, which reads its options, asks, and prints. What they print about is in the model;
 * how a migration goes is in the package migration.
 *
 * <p>All on the main thread. May import picocli, the model, the domain-XML functions and the packages below.
 */
@NullMarked
package org.splitmem.cli;

import org.jspecify.annotations.NullMarked;
