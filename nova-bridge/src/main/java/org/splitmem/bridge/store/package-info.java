/**
 * What the bridges remember in common: migrations, and the VMs that were placed.
 *
 * <p>JDBC; any thread. Each change of a migration is one statement that names the status it expects, so that of several bridges one wins.
 * Imports: model, Jackson, HikariCP, Flyway.
 */
@NullMarked
package org.splitmem.bridge.store;

import org.jspecify.annotations.NullMarked;
