"""Encode and decode the telemetry frames of a Curlew C4 station.

A frame is what the station sends over satellite, where every byte is paid for. It is 20 bytes long
and big-endian:

======  ====  =======================================================
Offset  Size  Field
======  ====  =======================================================
0       1     Magic byte, always ``0xC4``
1       1     Flags, see :class:`Flag`
2       4     Station serial number
6       4     Seconds since 1 January 2020 00:00 UTC (the Curlew epoch)
10      2     Mean wind speed in centimetres per second
12      2     Gust in centimetres per second
14      2     Air temperature in hundredths of a degree, signed
16      2     Battery voltage in millivolts
18      2     CRC-16/CCITT-FALSE of the bytes before it
======  ====  =======================================================

Example::

    reading = decode(frame)
    if Flag.DOOR_OPEN in reading.flags:
        notify_guard(reading.serial)
"""

from __future__ import annotations

import binascii
import struct
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntFlag

MAGIC = 0xC4
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_BODY = struct.Struct(">BBIIHHhH")
_CHECKSUM = struct.Struct(">H")
FRAME_SIZE = _BODY.size + _CHECKSUM.size


class FrameError(ValueError):
    """The bytes are not a valid telemetry frame."""


class ChecksumError(FrameError):
    """The checksum of a frame does not match; ask the station to send the frame again."""


class Flag(IntFlag):
    """What a station reports besides its readings."""

    NONE = 0
    DOOR_OPEN = 1
    HEATER_ON = 2
    CLOCK_UNSURE = 4
    """The station has had no time signal for more than 48 hours."""
    LOW_BATTERY = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of one telemetry frame, in SI units and degrees Celsius."""

    serial: int
    at: datetime
    wind: float
    gust: float
    temperature: float
    voltage: float
    flags: Flag = Flag.NONE


def encode(reading: Reading) -> bytes:
    """Pack a reading into a telemetry frame with its checksum."""
    body = _BODY.pack(
        MAGIC,
        reading.flags,
        reading.serial,
        int((reading.at - EPOCH).total_seconds()),
        round(reading.wind * 100),
        round(reading.gust * 100),
        round(reading.temperature * 100),
        round(reading.voltage * 1000),
    )
    return body + _CHECKSUM.pack(_checksum(body))


def decode(frame: bytes) -> Reading:
    """Unpack a telemetry frame; raise :class:`FrameError` when it is damaged."""
    if len(frame) != FRAME_SIZE:
        raise FrameError(f"a frame has {FRAME_SIZE} bytes, not {len(frame)}")
    body, (checksum,) = frame[:-2], _CHECKSUM.unpack(frame[-2:])
    if _checksum(body) != checksum:
        raise ChecksumError("the checksum does not match")
    magic, flags, serial, seconds, wind, gust, temperature, voltage = _BODY.unpack(body)
    if magic != MAGIC:
        raise FrameError(f"the first byte is {magic:#04x}, not {MAGIC:#04x}")
    return Reading(
        serial=serial,
        at=EPOCH + timedelta(seconds=seconds),
        wind=wind / 100,
        gust=gust / 100,
        temperature=temperature / 100,
        voltage=voltage / 1000,
        flags=Flag(flags),
    )


class DuplicateFilter:
    """Recognise frames which the satellite network has delivered twice.

    The filter remembers the last 512 frames by serial number and time. The network repeats a frame
    within a few minutes or not at all, so a longer memory would gain nothing.
    """

    def __init__(self, remembered: int = 512) -> None:
        self._recent: deque[tuple[int, datetime]] = deque(maxlen=remembered)

    def is_new(self, reading: Reading) -> bool:
        """Tell whether the reading has not been seen, and remember it."""
        key = (reading.serial, reading.at)
        if key in self._recent:
            return False
        self._recent.append(key)
        return True


def _checksum(data: bytes) -> int:
    """CRC-16 with polynomial 0x1021 and initial value 0xFFFF."""
    return binascii.crc_hqx(data, 0xFFFF)
