/**
 * Client of the hosts' splitmemd: VMs, migrations, and what they can lend.
 *
 * <p>Any thread. Imports: http, model, Jackson.
 */
@NullMarked
package org.splitmem.bridge.daemon;

import org.jspecify.annotations.NullMarked;
