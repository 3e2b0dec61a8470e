/**
 * Pages and their states: the table that says where each page's one authoritative copy is.
 *
 * <p>Threads: the table is shared; every step is one compare-and-set. Imports: the JDK only.
 */
@NullMarked
package org.splitmem.memory.page;

import org.jspecify.annotations.NullMarked;
