/** The client of splitmemd's control API. Usable on any thread; every call is a connection of its own. May import the JDK and the model. */
@NullMarked
package org.splitmem.cli.control;

import org.jspecify.annotations.NullMarked;
