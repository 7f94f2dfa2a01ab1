"""Damage to bytes, from a seeded source of chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

TELLING_BYTES = bytes((0x00, 0x01, 0x1F, 0x5F, 0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xF7, 0xFB, 0xFF))
"""Bytes that mean much to one format or another."""


def mutated(chance: Random, samples: Sequence[bytes]) -> bytes:
    """One of the samples, damaged a few times; now and then bytes without any sense."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(200))
    data = bytearray(chance.choice(samples))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(DAMAGES)(chance, data)
    if chance.random() < 0.1:
        data += mutated(chance, samples)
    return bytes(data)


def _flip_a_bit(chance: Random, data: bytearray) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set_a_byte(chance: Random, data: bytearray) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(TELLING_BYTES)


def _insert(chance: Random, data: bytearray) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = bytes((chance.choice(TELLING_BYTES),)) * chance.choice((1, 1, 2, 9, 100))


def _cut_out(chance: Random, data: bytearray) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.choice((1, 1, 2, 5, 1000))]


def _repeat(chance: Random, data: bytearray) -> None:
    start = chance.randrange(len(data) + 1)
    piece = data[start : start + chance.randrange(40)]
    data[start:start] = piece * chance.choice((1, 2, 20))


def _declare_a_length(chance: Random, data: bytearray) -> None:
    size = chance.choice((1, 2, 4, 8))
    start = chance.randrange(len(data) + 1)
    data[start : start + size] = chance.choice((2 ** (8 * size) - 1, 2 ** (8 * size - 1), 1)).to_bytes(
        size, "big"
    )


DAMAGES: tuple[Callable[[Random, bytearray], None], ...] = (
    _flip_a_bit,
    _set_a_byte,
    _insert,
    _cut_out,
    _repeat,
    _declare_a_length,
)
