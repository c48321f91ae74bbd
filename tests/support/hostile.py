"""Bytes that two JSON readers could understand differently, or that cost one of them dear."""

from typing import Final

MEBI: Final = 1 << 20

# What may stand in the place of a value; each is refused wherever it stands.
VALUES: Final = {
    "second key": b'{"a":1,"a":2}',
    "second key, escaped": rb'{"path":"a","p\u0061th":"b"}',
    "second key, far behind": b'{"k":0,%b"k":1}' % b"".join(b'"k%d":0,' % n for n in range(5000)),
    "second key, deep inside": b'{"a":[{"b":{"c":1,"c":2}}]}',
    "lone surrogate": rb'"\ud800"',
    "second half alone": rb'"\udc00"',
    "surrogates in the wrong order": rb'"\udc00\ud800"',
    "bad UTF-8": b'"\xc3\x28"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "UTF-8 surrogate": b'"\xed\xa0\x80"',
    "number of 65 letters": b"9" * 65,
    "fraction of 65 letters": b"0." + b"1" * 63,
    "number of a mebibyte": b"1" * MEBI,
    "beyond a double": b"1e400",
    "below a double": b"1e-400",
    "minus beyond a double": b"-1e309",
    "leading zero": b"01",
    "plus sign": b"+1",
    "not a number": b"NaN",
    "infinity": b"-Infinity",
    "hexadecimal": b"0x10",
    "bare point": b"1.",
    "raw control character": b'"\x01"',
    "raw newline": b'"a\nb"',
    "unknown escape": rb'"\x41"',
    "short escape": rb'"\u00g0"',
    "single quotes": b"'a'",
    "comment": b"1/**/",
    "trailing comma": b"[1,]",
    "hole": b"[1,,2]",
    "too deep": b"[" * 65 + b"]" * 65,
    "100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "never closed": b"[" * 100_000,
    "zero byte": b"1\0",
}


def spoil(message: bytes) -> dict[str, bytes]:
    """Spoil a good message as a whole, in each way that is refused."""
    return {
        "byte order mark": b"\xef\xbb\xbf" + message,
        "two values": message * 2,
        "trailing letter": message + b"x",
        "trailing zero byte": message + b"\0",
        "trailing bracket": message + b"}",
        "cut short": message[:-1],
        "UTF-16": message.decode().encode("utf-16"),
        "UTF-32": message.decode().encode("utf-32-le"),
        "nothing but blanks": b" \n",
    }
