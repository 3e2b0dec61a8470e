"""Checks what the guest's diskload (guest/diskload.c) has written to a disk, from outside.

usage: check_volume.py FILE MIB WRITTEN

Each chunk is whole and one that diskload has written; the versions of all add up to WRITTEN writes at least.
"""
import struct
import sys

CHUNK = 65536
WORDS = CHUNK // 8
STEP = 0x9e3779b97f4a7c15
MASK = (1 << 64) - 1


def mix(x):
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd & MASK
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53 & MASK
    return x ^ (x >> 33)


def check(number, data):
    words = struct.unpack('<%dQ' % WORDS, data)
    if words[0] != number:
        sys.exit('chunk %d has the number %d' % (number, words[0]))
    start = mix(((number << 32 | words[1]) + STEP) & MASK)
    for w in range(2, WORDS):
        if words[w] != (start + w * STEP) & MASK:
            sys.exit('chunk %d of version %d has a wrong word %d' % (number, words[1], w))
    return words[1]


def main():
    path, chunks, written = sys.argv[1], int(sys.argv[2]) << 20 >> 16, int(sys.argv[3])
    with open(path, 'rb') as disk:
        versions = [check(number, disk.read(CHUNK)) for number in range(chunks)]
    if sum(versions) < written:
        sys.exit('the guest has written %d chunks again, there are %d' % (written, sum(versions)))
    print('%d chunks, %d times written again; the guest says %d' % (chunks, sum(versions), written))


main()
