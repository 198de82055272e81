"""The records of TensorBoard's event files (TFRecord), each with two checksums: of its length and of its content."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER, _TAIL = 12, 4
_FURTHEST = 2**20  # bytes that are searched for the next record after a damaged length


@dataclass(frozen=True)
class Records:
    """What a file of records holds."""

    sound: bytes  # the records that are as they were written, as bytes of such a file
    damaged: int  # how many aren't; a part of unknown length counts as one
    unread: int  # the bytes after the last record that was found


def read_records(content: bytes) -> Records:
    """The records of a file; after one whose length is damaged the next is searched for."""
    sound, damaged, place = [], 0, 0
    while place < len(content):
        end = _end(content, place)
        if end is None:
            damaged += 1
            following = _next(content, place + 1)
            if following is None:
                break
            place = following
        elif end > len(content):
            break  # cut off
        else:
            whole = _checksum(content[place + _HEADER : end - _TAIL]) == _number(content, end - _TAIL)
            damaged += not whole
            if whole:
                sound.append(content[place:end])
            place = end
    return Records(b"".join(sound), damaged, len(content) - min(place, len(content)))


def _end(content: bytes, place: int) -> int | None:
    """Where the record at a place ends; None if its length isn't what was written."""
    length = content[place : place + 8]
    if len(content) < place + _HEADER:
        return len(content) + 1
    if _checksum(length) != _number(content, place + 8):
        return None
    return int(place + _HEADER + struct.unpack("<Q", length)[0] + _TAIL)


def _next(content: bytes, place: int) -> int | None:
    for start in range(place, min(place + _FURTHEST, len(content) - _HEADER)):
        if not any(content[start + 4 : start + 8]) and _end(content, start) is not None:  # under 4 GB, as all are
            return start
    return None


def _number(content: bytes, place: int) -> int:
    return int(struct.unpack_from("<I", content, place)[0])


def _checksum(data: bytes) -> int:
    """The masked CRC-32C of the format."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE = [_entry(value) for value in range(256)]
