"""python -m app.healthcheck: exit code 0 when the service in this container answers /health with 200.

The image has no curl. This runs every ten seconds, so it imports the standard library only.
"""

import http.client
import os
import sys


def main() -> None:
    address = os.environ.get("BIND_ADDRESS", "127.0.0.1")  # 0.0.0.0 and :: lead to this machine
    connection = http.client.HTTPConnection(address, int(os.environ.get("PORT", "8001")), timeout=2)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except OSError as error:
        sys.exit(f"no answer: {error.strerror or error}")
    finally:
        connection.close()
    sys.exit(0 if status == http.client.OK else f"status {status}")


if __name__ == "__main__":
    main()
