"""The Huffman code of HPACK: texts of header fields from their short form.

RFC 7541, appendix B. Its code is canonical, so the lengths of the codes are all there is to know:
codes of one length follow each other in the order of their symbols, and longer ones come later.

Rules:
- zlib decodes: its own format, DEFLATE, has texts in canonical codes, too, of up to 15 bits. The head of such
  a text says how long the codes are, so one that names these makes of a text of HPACK's one of zlib's;
- there 15 ones end a text, with which here each longer code begins, and the filling goes on. A text that
  ends elsewhere than behind its last letter is read again, bit by bit: it has a rare letter, or is wrong;
- texts of up to `TEXT_BYTES` are remembered, for all connections: a client's next connection brings the same
  names and nearly the same values, and some clients make one for each request;
- what is remembered is bounded; a table that is full begins anew;
- what ends a text is the beginning of the code of `END`, shorter than a byte; all else is an error.

Refuses to know what the texts are.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import cache

END = 256
"""The symbol that never stands in a text."""
TEXT_BYTES = 128
TEXTS_REMEMBERED = 2048

CODE_BITS = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b08060606"
    "0505050606060606060607080f060c0a0d06070707070707070707070707070707070707070707070807080d130d0e06"
    "0f05060506050606060507070606060506070605050607070707070f0b0e0d1c14161414161616171617171717171817"
    "181816171817171717151617161717181615141616171715171616181516171715151615171617171416161617161617"
    "1a1a1413161716191a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a17"
    "1a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a1e"
)
"""How long the code of each symbol is."""


class HuffmanError(ValueError):
    """Not a text in this code."""


def _codes(bits_of: Mapping[int, int]) -> dict[tuple[int, int], int]:
    """Every symbol by the length of its code and the code, where each has a code of so many bits."""
    symbols: dict[tuple[int, int], int] = {}
    code = bits = 0
    for symbol in sorted(bits_of, key=lambda symbol: (bits_of[symbol], symbol)):
        code <<= bits_of[symbol] - bits
        bits = bits_of[symbol]
        symbols[bits, code] = symbol
        code += 1
    return symbols


# By zlib.

ZLIB_BITS_MAX = 15
"""No code of DEFLATE's is longer."""
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""A text has the first bit highest in its bytes; DEFLATE has it lowest."""
_ENDING = b"\xff\xfe".translate(_REVERSED)
"""Fifteen ones: so many that they end a text, and too few for that if some were needed to fill a letter."""
_LENGTH_BITS = dict.fromkeys(range(16), 4) | {12: 5, 16: 5}
"""The code in which a head says how long codes are: a complete one."""
_LENGTH_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def _head() -> bytes:
    """The head of a last block with codes of its own: RFC 1951, section 3.2.7. It ends with a whole byte."""
    lengths = [bits if bits <= ZLIB_BITS_MAX else 0 for bits in CODE_BITS[:END]]
    lengths += [ZLIB_BITS_MAX, 0, 0]  # the end of the text, and two distances that no text has
    codes = {length: f"{code:0{bits}b}" for (bits, code), length in _codes(_LENGTH_BITS).items()}
    numbers = [(1, 1), (2, 2), (0, 5), (1, 5), (len(_LENGTH_ORDER) - 4, 4)]
    numbers += [(_LENGTH_BITS.get(length, 0), 3) for length in _LENGTH_ORDER]
    said = "".join(f"{number:0{bits}b}"[::-1] for number, bits in numbers)
    said += "".join(codes[length] for length in lengths)
    return int(said[::-1], 2).to_bytes(len(said) // 8, "little")


_inflating = zlib.decompressobj(-ZLIB_BITS_MAX)
_inflating.decompress(_head())
_copy = _inflating.copy


def _inflate(data: bytes) -> bytes | None:
    """The text, if zlib can tell. Up to 14 ones may follow its last letter."""
    inflating = _copy()
    text = inflating.decompress(data.translate(_REVERSED) + _ENDING, len(data) * 2)
    return text if inflating.eof and len(inflating.unused_data) < 2 else None


def _is_filled_up(data: bytes) -> bool:
    """Whether a text of `_inflate` that ends with a byte of ones has no other letter in it."""
    return _inflate(data[:-1]) is not None


# Bit by bit.


class _Node:
    """A place in the code's tree."""

    __slots__ = ("branches", "may_end")

    def __init__(self, *, may_end: bool) -> None:
        self.branches: list[_Node | int] = []
        self.may_end = may_end
        """What was read since the last whole letter can be filling."""


@cache
def _root() -> _Node:
    """The root of the tree; its nodes by which only ones were passed may end a text, up to seven."""
    symbols = _codes(dict(enumerate(CODE_BITS)))
    root = _Node(may_end=True)
    nodes = [(root, 0, 0)]
    for node, bits, code in nodes:  # the list grows meanwhile
        for branch in (code << 1, code << 1 | 1):
            symbol = symbols.get((bits + 1, branch))
            if symbol is not None:
                node.branches.append(symbol)
                continue
            further = _Node(may_end=bits + 1 < 8 and branch == (2 << bits) - 1)
            node.branches.append(further)
            nodes.append((further, bits + 1, branch))
    return root


def _read(data: bytes) -> bytes:
    """The text. Raises HuffmanError."""
    root = node = _root()
    letters = bytearray()
    for byte in data:
        for place in range(7, -1, -1):
            branch = node.branches[byte >> place & 1]
            if isinstance(branch, _Node):
                node = branch
            elif branch == END:
                raise HuffmanError("a text has the symbol that ends it")
            else:
                letters.append(branch)
                node = root
    if not node.may_end:
        raise HuffmanError("a text ends within a letter")
    return bytes(letters)


remembered: dict[bytes, bytes] = {}
"""Texts by their codes: whoever finds one here need not ask for it."""


def decode(data: bytes) -> bytes:
    """The text, whether it is remembered or not. Raises HuffmanError."""
    text = _inflate(data)
    if text is None or (data[-1:] == b"\xff" and _is_filled_up(data)):
        text = _read(data)
    if len(data) <= TEXT_BYTES:
        if len(remembered) >= TEXTS_REMEMBERED:
            remembered.clear()
        remembered[data] = text
    return text
