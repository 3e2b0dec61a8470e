/**
 * Who may do what: rules in the form of oslo.policy, with defaults in code and overrides in a file.
 *
 * <p>Threads: any. Imports: keystone's identities, Jackson's YAML.
 */
@NullMarked
package org.splitmem.bridge.policy;

import org.jspecify.annotations.NullMarked;
