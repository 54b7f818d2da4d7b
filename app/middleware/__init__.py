"""What every request passes through: pure ASGI, one per file, listed outermost first in `create_app`."""
