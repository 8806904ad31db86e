"""Formats that other programs read, read here without the program's code."""

import ctypes
import ctypes.util
import struct


def cdb_records(data):
    """All records of a cdb file in file order, as (key, data)."""
    end = min(struct.unpack_from("<I", data, 8 * table)[0] for table in range(256))
    records, at = [], 2048
    while at < end:
        key_size, size = struct.unpack_from("<II", data, at)
        key = data[at + 8:at + 8 + key_size]
        records.append((key, data[at + 8 + key_size:at + 8 + key_size + size]))
        at += 8 + key_size + size
    return records


def cdb_find(data, key):
    """The data of the first record of `key` by the look-up that qmail makes, or None."""
    value = 5381
    for byte in key:
        value = ((value * 33) & 0xFFFFFFFF) ^ byte
    start, slots = struct.unpack_from("<II", data, (value % 256) * 8)
    for step in range(slots):
        slot = start + 8 * ((value // 256 + step) % slots)
        found, at = struct.unpack_from("<II", data, slot)
        if at == 0:
            return None
        if found != value:
            continue
        key_size, size = struct.unpack_from("<II", data, at)
        if data[at + 8:at + 8 + key_size] == key:
            return data[at + 8 + key_size:at + 8 + key_size + size]
    return None


def crypt(clear, hashed):
    """What crypt(3) of this system makes of a clear password; Python 3.13 has no crypt module."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    answer = library.crypt(clear.encode(), hashed.encode())
    return answer.decode() if answer else None
