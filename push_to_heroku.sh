#!/usr/bin/env bash
# push_to_heroku.sh APP: build the image, push it to Heroku's registry and release it as APP's web process.
#
# Needs Docker and the Heroku command line, logged in, and an app made with
#   heroku create APP --stack container
# From the environment: DATA_SOURCE (real), HEROKU_REGISTRY, and the variables of infra/build_image.sh.
#
# Without Docker there are two other ways. heroku.yml builds the image on Heroku. The Procfile is for
# Heroku's Python buildpack, which does not train, so it needs a committed model/ (git add -f model). It also
# needs PIP_NO_DEPS=1 in the app's config, because the lock leaves out what onnxruntime requires and never imports.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

HEROKU_REGISTRY=${HEROKU_REGISTRY:-registry.heroku.com}
export DATA_SOURCE=${DATA_SOURCE:-real}
export PLATFORM=linux/amd64             # what dynos run
export BUILDX_NO_DEFAULT_ATTESTATIONS=1 # Heroku's registry refuses an image with attestations

die() { echo "push_to_heroku.sh: $*" >&2; exit 1; }

case ${1:-} in
  '' | -*) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]##*/}" >&2; exit 2 ;;
esac
app=$1
image=$HEROKU_REGISTRY/$app/web

for tool in docker heroku git python3; do
  command -v "$tool" >/dev/null || die "The command $tool was not found; install it or add it to the PATH."
done
heroku auth:token 2>/dev/null | docker login --username _ --password-stdin "$HEROKU_REGISTRY" >/dev/null ||
  die "The registry $HEROKU_REGISTRY refused the login; log in with 'heroku login'."

infra/build_image.sh "$image"
docker push "$image"
heroku config:set --app "$app" DRAIN_SECONDS=0 GRACEFUL_TIMEOUT=25 # a dyno is killed 30 s after SIGTERM
heroku container:release web --app "$app"
