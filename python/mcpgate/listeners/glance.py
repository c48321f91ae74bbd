"""What a message shows at a glance, before it is judged (pure).

Rules: a glance only chooses who judges a message and whom an answer is for; whether it is
one, and what it may do, the gate says.
"""

import re
from typing import Final, final

import msgspec

from mcpgate.gate import is_array

_VERSION: Final = b"protocolVersion"
_ID: Final = rb'"id"\s*:\s*(-?[0-9]{1,18}|"[^"\\]{0,100}")\s*'
_REPLY: Final = re.compile(
    rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?(?:' + _ID + rb',\s*)?"(?:result|error)"'
)
_FIRST: Final = re.compile(
    rb'\s*\{\s*(?:(?:"jsonrpc"\s*:\s*"2\.0"|"method"\s*:\s*"[^"\\]*")\s*,\s*)*' + _ID + b"[,}]"
)
_LAST: Final = re.compile(
    rb'[\]}]\s*,\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?' + _ID
    + rb'(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z'
)  # fmt: skip


@final
class _Meta(msgspec.Struct, frozen=True):
    version: msgspec.Raw = msgspec.field(
        name="io.modelcontextprotocol/protocolVersion", default=msgspec.Raw()
    )


@final
class _Params(msgspec.Struct, frozen=True):
    meta: _Meta = msgspec.field(name="_meta", default=_Meta())


@final
class _Message(msgspec.Struct, frozen=True):
    params: _Params = _Params()


@final
class _Kind(msgspec.Struct, frozen=True):
    method: str
    id: msgspec.Raw = msgspec.Raw()


@final
class _Reply(msgspec.Struct, frozen=True):
    method: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_messages: Final = msgspec.json.Decoder(_Message)
_kinds: Final = msgspec.json.Decoder(_Kind)
_replies: Final = msgspec.json.Decoder(_Reply)
_batches: Final = msgspec.json.Decoder(list[_Reply])


def declares_revision(line: bytes) -> bool:
    """Say whether a message names its revision, as those of the era without sessions do."""
    if _VERSION not in line:
        return False
    try:
        return bool(bytes(_messages.decode(line).params.meta.version))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def is_notification(line: bytes) -> bool:
    """Say whether a message has a method and waits for no reply."""
    try:
        return not bytes(_kinds.decode(line).id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def is_reply(line: bytes) -> bool:
    """Say whether a message, or each of a batch, answers a request of ours."""
    try:
        seen = _batches.decode(line) if is_array(line) else [_replies.decode(line)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return bool(seen) and all(_answers(each) for each in seen)


def _answers(seen: _Reply) -> bool:
    return not bytes(seen.method) and bool(bytes(seen.result) or bytes(seen.error))


def find_id(ends: bytes) -> bytes:
    """Return the raw id of a request of which both ends were kept; `null` if neither has it."""
    if _REPLY.match(ends):
        return b"null"
    found = _FIRST.match(ends) or _LAST.search(ends)
    return found[1] if found else b"null"
