#!/bin/sh
# Start the service. Settings come from the environment; README.md lists them.
cd "$(dirname "$0")" || exit
if ! "${PYTHON:-python}" -c 'import importlib.util as u; raise SystemExit(u.find_spec("uvicorn") is None)'; then
  echo "uvicorn is not installed here. \`make serve\` installs it in .venv and serves." >&2
  exit 1
fi
exec "${PYTHON:-python}" -m app.server
