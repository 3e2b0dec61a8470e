package org.splitmem.systemtests;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * On a class whose tests get a {@link Testbed}: real guests on virtual hosts, which are made for the first such class and
 * taken down after the last. After each test nothing may be left behind on any host.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Tag("system")
@ExtendWith(OnTestbed.class)
@interface SystemTest {}
