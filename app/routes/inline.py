"""What a page holds of scripts and styles, as its Content-Security-Policy names it."""

import base64
import hashlib
import re


def hashes(page: str, tag: str) -> str:
    """Return the sources that allow every inline `tag` (script or style) of a page, and no other."""
    contents: list[str] = re.findall(rf"<{tag}(?![^>]*\ssrc=)[^>]*>(.*?)</{tag}>", page, re.DOTALL)
    digests = (hashlib.sha256(content.encode()).digest() for content in contents)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
