/** The way to libvirt, and the only package that knows its binding. Calls block; they may come from several threads. */
@NullMarked
package org.splitmem.cli.libvirt;

import org.jspecify.annotations.NullMarked;
