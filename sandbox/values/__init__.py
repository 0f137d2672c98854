"""Values as JSON: into the child, out of it, and what of it the host believes.

Plain data is itself. What JSON has no word for is an object ``{"$": kind, "v": …}``:

====================  ================================================================
``tuple`` ``set``     ``frozenset``: a list of items
``dict``              a list of pairs, where a key is no string (or starts with ``$``)
``int``               hexadecimal, past 64 bits
``float``             ``"nan"``, ``"inf"``, ``"-inf"``
``complex``           two floats, each a number or one of these words
``bytes``             base64
``datetime`` ``date`` ``time``: ISO 8601; with a zone of the table, ``[text, zone, fold]``
``timedelta``         ``[days, seconds, microseconds]``
``decimal``           ``fraction`` ``uuid``: their text
``record`` ``named``  ``enum``: name in ``t``; fields, or the member's name in ``m``
====================  ================================================================

:func:`encode` works on either side, :func:`decode` in the child; :func:`plain` is the host's and
presumes that an attacker wrote the data. No function here calls a method of a value whose exact
type it does not know, but for the offset of a time zone of the code's own.
"""

from sandbox.values.common import INT_DIGITS, NotData, Packed, TooLarge
from sandbox.values.decoding import decode
from sandbox.values.encoding import encode
from sandbox.values.plain import plain

__all__ = [
    "INT_DIGITS",
    "NotData",
    "Packed",
    "TooLarge",
    "decode",
    "encode",
    "plain",
]
