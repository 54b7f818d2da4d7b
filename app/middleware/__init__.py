"""What every request passes: pure ASGI, a file each, listed outermost first in `create_app`."""
