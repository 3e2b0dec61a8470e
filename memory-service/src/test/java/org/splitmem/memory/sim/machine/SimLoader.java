package org.splitmem.memory.sim.machine;

import java.io.IOException;
import java.io.InputStream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.commons.ClassRemapper;
import org.objectweb.asm.commons.SimpleRemapper;

/**
 * Loads the project's classes anew, from the ordinary class path, and rewrites what they do with the machine: threads, locks, clocks, chance,
 * files and system calls are the simulation's. What remains is the product's code as it is.
 */
public final class SimLoader extends ClassLoader {
    private static final String PROJECT = "org.splitmem.";
    private static final String MACHINE = "org.splitmem.memory.sim.machine.";

    static {
        registerAsParallelCapable();
    }

    public SimLoader(ClassLoader parent) {
        super(parent);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(PROJECT) || name.startsWith(MACHINE)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            return loaded == null ? define(name) : loaded;
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            byte[] bytes = rewrite(in.readAllBytes());
            return defineClass(name, bytes, 0, bytes.length);
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    static byte[] rewrite(byte[] original) {
        ClassReader reader = new ClassReader(original);
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        reader.accept(
                new MachineVisitor(new ClassRemapper(writer, new SimpleRemapper(Opcodes.ASM9, Replaced.TYPES))), 0);
        return writer.toByteArray();
    }
}
