/**
 * Where pages of a VM are kept while they are not here: what a page entry's four bits name.
 *
 * <p>Who pages in or out asks a {@link org.splitmem.memory.home.Home}, and knows no hosts.
 */
@NullMarked
package org.splitmem.memory.home;

import org.jspecify.annotations.NullMarked;
