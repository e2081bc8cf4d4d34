"""MD5 digests of texts, in hexadecimal.

The specification of native/md5_texts.pyx.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from server.vector.text_views import texts_of, views_of

if TYPE_CHECKING:
    from server.vector.column import Values


def md5_texts(store: Values, views: Values) -> tuple[Values, Values]:
    """The digest of each text."""
    return views_of(
        [
            hashlib.md5(text, usedforsecurity=False).hexdigest().encode()
            for text in texts_of(store, views)
        ]
    )
