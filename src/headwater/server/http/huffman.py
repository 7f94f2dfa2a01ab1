"""The Huffman code of HPACK: texts of header fields from their short form.

RFC 7541, appendix B. Its code is canonical, so the lengths of the codes are all there is to know:
codes of one length follow each other in the order of their symbols, and longer ones come later.

Rules:
- decoding goes by whole bytes: a node of the code's tree remembers, for each byte that was met
  there, the letters that it completes and the node that it leads to;
- texts of up to `TEXT_BYTES` are remembered whole, for all connections: a client's next connection
  brings the same names and nearly the same values, and some clients make one for each request;
- of longer ones blocks of `BLOCK_BYTES` are: most of a signature with its scope is the same in each
  request;
- what is remembered is bounded; a table that is full begins anew;
- what ends a text is the beginning of the code of `END`, shorter than a byte; all else is an error.

Refuses to know what the texts are.
"""

from __future__ import annotations

END = 256
"""The symbol that never stands in a text."""
BLOCK_BYTES = 32
BLOCKS_REMEMBERED = 4096
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


class _Node(dict[int, "tuple[bytes, _Node]"]):
    """A place in the code's tree, and what was seen to follow from it: letters, and the next place."""

    __slots__ = ("branches", "may_end", "number")

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.branches: list[_Node | int] = []
        self.may_end = False
        """What was read since the last whole letter can be filling."""

    def __missing__(self, byte: int) -> tuple[bytes, _Node]:
        letters, node = b"", self
        for place in range(7, -1, -1):
            branch = node.branches[byte >> place & 1]
            if isinstance(branch, _Node):
                node = branch
            elif branch == END:
                raise HuffmanError("a text has the symbol that ends it")
            else:
                letters += bytes((branch,))
                node = ROOT
        step = self[byte] = (letters, node)
        return step


def _codes() -> dict[tuple[int, int], int]:
    """Every symbol by the length of its code and the code."""
    symbols: dict[tuple[int, int], int] = {}
    code = bits = 0
    for symbol in sorted(range(END + 1), key=lambda symbol: (CODE_BITS[symbol], symbol)):
        code <<= CODE_BITS[symbol] - bits
        bits = CODE_BITS[symbol]
        symbols[bits, code] = symbol
        code += 1
    return symbols


def _grow() -> _Node:
    """The tree; its nodes by which only ones were passed may end a text, up to seven."""
    symbols = _codes()
    root = _Node(0)
    nodes = [(root, 0, 0)]
    for node, bits, code in nodes:  # the list grows meanwhile
        node.may_end = bits < 8 and code == (1 << bits) - 1
        for branch in (code << 1, code << 1 | 1):
            symbol = symbols.get((bits + 1, branch))
            if symbol is not None:
                node.branches.append(symbol)
                continue
            further = _Node(len(nodes))
            node.branches.append(further)
            nodes.append((further, bits + 1, branch))
    return root


ROOT = _grow()
_blocks: dict[tuple[int, bytes], tuple[bytes, _Node]] = {}
remembered: dict[bytes, bytes] = {}
"""Texts by their codes: whoever finds one here need not ask for it."""


def decode(data: bytes) -> bytes:
    """The text. Raises HuffmanError."""
    text = remembered.get(data)
    if text is None:
        text = _read(data)
        if len(data) <= TEXT_BYTES:
            if len(remembered) >= TEXTS_REMEMBERED:
                remembered.clear()
            remembered[data] = text
    return text


def _read(data: bytes) -> bytes:
    node, parts = ROOT, []
    blocks_end = len(data) - len(data) % BLOCK_BYTES
    for at in range(0, blocks_end, BLOCK_BYTES):
        block = data[at : at + BLOCK_BYTES]
        letters, node = _blocks.get((node.number, block)) or _read_block(node, block)
        parts.append(letters)
    for byte in data[blocks_end:] if blocks_end else data:
        letters, node = node[byte]
        parts.append(letters)
    if not node.may_end:
        raise HuffmanError("a text ends within a letter")
    return b"".join(parts)


def _read_block(start: _Node, block: bytes) -> tuple[bytes, _Node]:
    node, parts = start, []
    for byte in block:
        letters, node = node[byte]
        parts.append(letters)
    if len(_blocks) >= BLOCKS_REMEMBERED:
        _blocks.clear()
    step = _blocks[start.number, block] = (b"".join(parts), node)
    return step
