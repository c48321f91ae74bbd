"""Refusals that say more than their reason (pure)."""

from typing import Final

import msgspec

_parts_of: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def reword(refusal: bytes, text: str, request_id: bytes = b"") -> bytes:
    """Give a refusal another text, and the raw id of what it answers; empty keeps either."""
    message = _parts_of.decode(refusal)
    if request_id:
        message["id"] = msgspec.Raw(request_id)
    if text:
        error = _parts_of.decode(message["error"])
        error["message"] = msgspec.Raw(msgspec.json.encode(text))
        message["error"] = msgspec.Raw(msgspec.json.encode(error))
    return msgspec.json.encode(message)
