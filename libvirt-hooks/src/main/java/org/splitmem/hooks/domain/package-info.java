/**
 * What splitmem has to know about a libvirt domain's XML, and what it changes in it.
 *
 * <p>Owns: parsing and writing domain XML ({@link org.splitmem.hooks.domain.DomainXml}), the rules which say why a domain
 * cannot be split ({@link org.splitmem.hooks.domain.SplitReadiness}), and the parts that make it split-ready
 * ({@link org.splitmem.hooks.domain.SplitReady}). Pure functions: no I/O, no logging, no state. Threads: any; one
 * {@code DomainXml} is used by one thread at a time. Imports: the JDK alone.
 */
@NullMarked
package org.splitmem.hooks.domain;

import org.jspecify.annotations.NullMarked;
