package org.splitmem.memory.sim.machine;

import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Has a class call the simulated machine. */
final class MachineVisitor extends ClassVisitor {
    private static final int API = Opcodes.ASM9;
    private static final String INNER = "$unlocked";

    private String name = "";
    private String superName = "";

    MachineVisitor(ClassVisitor next) {
        super(API, next);
    }

    @Override
    public void visit(int version, int access, String of, String signature, String above, String[] interfaces) {
        name = of;
        superName = above;
        super.visit(version, access, of, signature, above, interfaces);
    }

    @Override
    public @Nullable MethodVisitor visitMethod(
            int access, String of, String descriptor, String signature, String[] thrown) {
        if ((access & Opcodes.ACC_NATIVE) != 0) {
            callKernel(access, of, descriptor);
            return null;
        }
        if ((access & Opcodes.ACC_SYNCHRONIZED) == 0) {
            return new Code(super.visitMethod(access, of, descriptor, signature, thrown));
        }
        int unlocked = access & ~Opcodes.ACC_SYNCHRONIZED;
        lock(super.visitMethod(unlocked, of, descriptor, signature, thrown), access, of, descriptor);
        int hidden = (unlocked & ~(Opcodes.ACC_PUBLIC | Opcodes.ACC_PROTECTED)) | Opcodes.ACC_PRIVATE;
        return new Code(super.visitMethod(hidden, of + INNER, descriptor, null, thrown));
    }

    /** Static, as all of JNA's direct mapping are. */
    private void callKernel(int access, String of, String descriptor) {
        MethodVisitor code = super.visitMethod(access & ~Opcodes.ACC_NATIVE, of, descriptor, null, null);
        code.visitCode();
        loadArguments(code, descriptor, 0);
        code.visitMethodInsn(Opcodes.INVOKESTATIC, Replaced.machine("Syscalls"), of, descriptor, false);
        code.visitInsn(Type.getReturnType(descriptor).getOpcode(Opcodes.IRETURN));
        code.visitMaxs(0, 0);
        code.visitEnd();
    }

    private static void loadArguments(MethodVisitor code, String descriptor, int first) {
        int at = first;
        for (Type argument : Type.getArgumentTypes(descriptor)) {
            code.visitVarInsn(argument.getOpcode(Opcodes.ILOAD), at);
            at += argument.getSize();
        }
    }

    /** A synchronized method becomes one that holds the simulated monitor while it calls what the method was. */
    private void lock(MethodVisitor code, int access, String of, String descriptor) {
        boolean isStatic = (access & Opcodes.ACC_STATIC) != 0;
        Label from = new Label();
        Label to = new Label();
        Label handler = new Label();
        code.visitCode();
        code.visitTryCatchBlock(from, to, handler, null);
        monitor(code, isStatic, "enter");
        code.visitLabel(from);
        if (!isStatic) {
            code.visitVarInsn(Opcodes.ALOAD, 0);
        }
        loadArguments(code, descriptor, isStatic ? 0 : 1);
        code.visitMethodInsn(
                isStatic ? Opcodes.INVOKESTATIC : Opcodes.INVOKESPECIAL, name, of + INNER, descriptor, false);
        code.visitLabel(to);
        monitor(code, isStatic, "exit");
        code.visitInsn(Type.getReturnType(descriptor).getOpcode(Opcodes.IRETURN));
        code.visitLabel(handler);
        Object[] locals = frame(isStatic, descriptor);
        code.visitFrame(Opcodes.F_FULL, locals.length, locals, 1, new Object[] {"java/lang/Throwable"});
        monitor(code, isStatic, "exit");
        code.visitInsn(Opcodes.ATHROW);
        code.visitMaxs(0, 0);
        code.visitEnd();
    }

    private void monitor(MethodVisitor code, boolean isStatic, String what) {
        if (isStatic) {
            code.visitLdcInsn(Type.getObjectType(name));
        } else {
            code.visitVarInsn(Opcodes.ALOAD, 0);
        }
        code.visitMethodInsn(Opcodes.INVOKESTATIC, Replaced.machine("Monitors"), what, "(Ljava/lang/Object;)V", false);
    }

    private Object[] frame(boolean isStatic, String descriptor) {
        Type[] arguments = Type.getArgumentTypes(descriptor);
        Object[] locals = new Object[arguments.length + (isStatic ? 0 : 1)];
        int at = 0;
        if (!isStatic) {
            locals[at++] = name;
        }
        for (Type argument : arguments) {
            locals[at++] = switch (argument.getSort()) {
                case Type.LONG -> Opcodes.LONG;
                case Type.DOUBLE -> Opcodes.DOUBLE;
                case Type.FLOAT -> Opcodes.FLOAT;
                case Type.OBJECT, Type.ARRAY -> argument.getInternalName();
                default -> Opcodes.INTEGER;
            };
        }
        return locals;
    }

    /** One method's. */
    private final class Code extends MethodVisitor {
        private static final String OBJECT = "java/lang/Object";

        Code(MethodVisitor next) {
            super(API, next);
        }

        @Override
        public void visitInsn(int opcode) {
            if (opcode == Opcodes.MONITORENTER) {
                callStatic("Monitors", "enter", "(Ljava/lang/Object;)V");
            } else if (opcode == Opcodes.MONITOREXIT) {
                callStatic("Monitors", "exit", "(Ljava/lang/Object;)V");
            } else {
                super.visitInsn(opcode);
            }
        }

        @Override
        public void visitTypeInsn(int opcode, String type) {
            boolean isMade = opcode == Opcodes.NEW && Replaced.MADE.containsKey(type);
            super.visitTypeInsn(opcode, isMade ? Replaced.MADE.get(type) : type);
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String method, String descriptor, boolean isInterface) {
            String other = opcode == Opcodes.INVOKESTATIC ? Replaced.ownerOf(owner, method) : null;
            boolean isMade = method.equals("<init>") && Replaced.MADE.containsKey(owner) && !owner.equals(superName);
            if (other != null) {
                super.visitMethodInsn(opcode, other, method, descriptor, false);
            } else if (isMade) {
                super.visitMethodInsn(opcode, Replaced.MADE.get(owner), method, descriptor, false);
            } else if (owner.equals("java/lang/Runtime") && method.equals("availableProcessors")) {
                callStatic("SimClock", "processors", "(Ljava/lang/Runtime;)I");
            } else if (owner.equals("java/lang/ProcessHandle") && method.equals("pid")) {
                callStatic("SimClock", "pid", "(Ljava/lang/ProcessHandle;)J");
            } else if (owner.equals(OBJECT) && isMonitorMethod(method)) {
                String of = method.equals("wait") ? "await" : method.equals("notify") ? "signal" : "signalAll";
                callStatic("Monitors", of, descriptor.replace("(", "(Ljava/lang/Object;"));
            } else {
                if (owner.equals("java/lang/invoke/VarHandle")) {
                    callStatic("SimClock", "point", "()V");
                }
                super.visitMethodInsn(opcode, owner, method, descriptor, isInterface);
            }
        }

        @Override
        public void visitLdcInsn(Object value) {
            super.visitLdcInsn(Replaced.scaled(name, value));
        }

        private static boolean isMonitorMethod(String method) {
            return method.equals("wait") || method.equals("notify") || method.equals("notifyAll");
        }

        private void callStatic(String machineClass, String method, String descriptor) {
            super.visitMethodInsn(Opcodes.INVOKESTATIC, Replaced.machine(machineClass), method, descriptor, false);
        }

        @Override
        public void visitInvokeDynamicInsn(
                String of, String descriptor, org.objectweb.asm.Handle by, Object... arguments) {
            Object[] mapped = arguments.clone();
            for (int i = 0; i < mapped.length; i++) {
                if (mapped[i] instanceof org.objectweb.asm.Handle handle) {
                    mapped[i] = handleOf(handle);
                }
            }
            super.visitInvokeDynamicInsn(of, descriptor, by, mapped);
        }

        /** A method reference, as in {@code System::nanoTime}. */
        private org.objectweb.asm.Handle handleOf(org.objectweb.asm.Handle handle) {
            String other = handle.getTag() == Opcodes.H_INVOKESTATIC
                    ? Replaced.ownerOf(handle.getOwner(), handle.getName())
                    : null;
            if (other != null) {
                return new org.objectweb.asm.Handle(handle.getTag(), other, handle.getName(), handle.getDesc(), false);
            }
            if (handle.getTag() == Opcodes.H_NEWINVOKESPECIAL && Replaced.MADE.containsKey(handle.getOwner())) {
                return new org.objectweb.asm.Handle(
                        handle.getTag(),
                        Replaced.MADE.get(handle.getOwner()),
                        handle.getName(),
                        handle.getDesc(),
                        false);
            }
            return handle;
        }
    }
}
