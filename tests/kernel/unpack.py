#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""unpack.py BZIMAGE VMLINUX: the kernel inside a bzImage, found by its boot header.

An emulated CPU takes seconds to unpack it at each boot; unpacked, it boots by PVH. Offsets are of the x86 boot protocol,
version 2.08 (Documentation/arch/x86/boot.rst of the kernel).
"""
import struct
import subprocess
import sys

UNPACKERS = {b"\xfd7zXZ": ["xz", "-dc", "--single-stream"], b"\x28\xb5\x2f\xfd": ["zstd", "-dc"],
             b"\x1f\x8b": ["gzip", "-dc"], b"\x02\x21\x4c\x18": ["lz4", "-dc"]}


def main():
    image = open(sys.argv[1], "rb").read()
    if image[0x202:0x206] != b"HdrS" or struct.unpack_from("<H", image, 0x206)[0] < 0x208:
        sys.exit("unpack.py: not a bzImage with boot protocol 2.08")
    start = ((image[0x1f1] or 4) + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
    payload = image[start:start + struct.unpack_from("<I", image, 0x24c)[0]]
    for magic, command in UNPACKERS.items():
        if payload.startswith(magic):
            # The payload ends with its unpacked size, which unpackers call trailing garbage: judge by the result.
            out = subprocess.run(command, input=payload[:-4], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 check=False).stdout
            if len(out) == struct.unpack("<I", payload[-4:])[0] and out.startswith(b"\x7fELF"):
                open(sys.argv[2], "wb").write(out)
                return
    sys.exit("unpack.py: unknown compression, or damaged")


main()
