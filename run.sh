#!/bin/sh
# Start the service. Settings come from the environment; README.md lists them.
cd "$(dirname "$0")" && exec "${PYTHON:-python}" -m app.server
