"""Request bodies: read whole and within bounds, and how what does not fit them is named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.errors import Refusal
from tallystick.http.calls import Phase, WaitingForBody, call_of, leave_seat

if TYPE_CHECKING:
    from falcon import Request

# Of a body too large so much is read and dropped: a client that still sends reads no answer.
DISCARD_BYTES_MAX = 32 << 20
DISCARD_BYTES_STEP = 64 << 10
# So much of a body that a refused call does not need is read, to keep the connection in step.
DRAIN_BYTES_MAX = 8 << 20

MISFIT = re.compile(r"Expected `(?P<wanted>\w+)[^`]*`.*?(?: - at `\$\.?(?P<place>.*)`)?")
STEP = re.compile(r"\w+")
JSON_NAMES = {
    "str": "a string",
    "bool": "true or false",
    "int": "a whole number",
    "array": "a list",
    "object": "an object",
}


class BodyTooLarge(Refusal):
    """The request's body is too large."""

    code = "body-too-large"


class BodyCutShort(Refusal):
    """The connection ended before the whole body had come."""

    code = "body-cut-short"


class LengthRequired(Refusal):
    """A body of this form does not show where it ends; send its length, and not chunks."""

    code = "length-required"


class BodyTooSlow(Refusal):
    """The body came too slowly, or took too long; send it at a steady rate."""

    code = "body-too-slow"


def media_type_of(req: Request) -> str:
    """What the request says that its body is, without parameters; empty where it says nothing."""
    return (req.content_type or "").partition(";")[0].strip().lower()


def whole_body(req: Request, bytes_max: int) -> bytes:
    """The whole body, which may come in chunks and without its length.

    Raises `BodyTooLarge`, `BodyTooSlow` or `BodyCutShort`.
    """
    with WaitingForBody(req):
        body: bytes = req.stream.read(bytes_max + 1)
        if len(body) > bytes_max:
            discard(req)
    if len(body) > bytes_max:
        message = f"the body must not be larger than {bytes_max:,} bytes; send it in several calls"
        raise BodyTooLarge(message)
    is_cut = req.content_length is not None and len(body) < req.content_length
    call = call_of(req)
    # Of a body in chunks nothing tells whether its end came, or that of our patience.
    if call is not None and call.is_too_slow and (is_cut or req.content_length is None):
        raise BodyTooSlow
    req.context.body_is_read = not is_cut
    if is_cut:
        message = f"the body has {req.content_length:,} bytes, of which {len(body):,} came"
        raise BodyCutShort(message)
    return body


def require_length(req: Request) -> None:
    """Refuse a body in chunks whose form does not show where it ends, as JSON does.

    The server gives a body in chunks that is cut off, or goes on with what is no chunk, like one
    that has ended. Raises `LengthRequired`.
    """
    if req.get_header("Transfer-Encoding") is not None:
        raise LengthRequired


def drained(req: Request) -> bool:
    """Read what is left of a body that nobody needs; give whether that is all of it.

    A connection whose body is not read to its end cannot carry another call.
    """
    if req.context.get("body_is_read"):
        return True
    if not req.content_length and req.get_header("Transfer-Encoding") is None:
        return True
    leave_seat(req, Phase.BODY)
    return discard(req, DRAIN_BYTES_MAX)


def discard(req: Request, bytes_max: int = DISCARD_BYTES_MAX) -> bool:
    """Read and drop so much of a body at most; give whether that was the rest of it."""
    return any(
        not req.stream.read(DISCARD_BYTES_STEP) for _ in range(0, bytes_max, DISCARD_BYTES_STEP)
    )


class Misfit(NamedTuple):
    """A value of a body that is of the wrong type: its place, what it must be, and itself."""

    place: str
    wanted: str
    value: Any


def misfit_in(tree: Any, complaint: str) -> Misfit | None:  # noqa: ANN401 - whatever the JSON was
    """Find the value that msgspec complains of: Expected `str`, got `int` - at `$.a.b[2]`.

    None where it complains of something else.
    """
    match = MISFIT.fullmatch(complaint)
    if match is None:
        return None
    place, value = match["place"] or "", tree
    for step in STEP.findall(place):
        value = value[int(step) if isinstance(value, list) else step]
    return Misfit(place, JSON_NAMES.get(match["wanted"], match["wanted"]), value)
