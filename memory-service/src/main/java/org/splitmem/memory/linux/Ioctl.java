package org.splitmem.memory.linux;

/** asm-generic/ioctl.h: how request numbers are made. */
final class Ioctl {
    private static final int WRITE = 1;
    private static final int READ = 2;

    private Ioctl() {}

    static long none(int type, int number) {
        return request(0, type, number, 0);
    }

    static long read(int type, int number, int size) {
        return request(READ, type, number, size);
    }

    static long readWrite(int type, int number, int size) {
        return request(READ | WRITE, type, number, size);
    }

    private static long request(int direction, int type, int number, int size) {
        return ((long) direction << 30) | ((long) size << 16) | ((long) type << 8) | number;
    }
}
