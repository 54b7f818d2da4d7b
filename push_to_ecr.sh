#!/usr/bin/env bash
# push_to_ecr.sh: build the image, push it to Amazon ECR and, when asked, deploy it.
#
#   ./push_to_ecr.sh            build and push; print the digest, and the commands that redeploy and,
#                               later, roll back to this image
#   ./push_to_ecr.sh --deploy   the same, then redeploy the service and wait until the new version answers
#
#   --allow-dirty       push although there are uncommitted changes; the tag then ends with -dirty
#   --allow-synthetic   push although the model was trained on synthetic data (see DATA_SOURCE)
#   --help              show this
#
# The image gets two tags: `latest`, which the service follows, and `API version-commit`, which stays.
# MODEL_SPEC, PYTHON_IMAGE, PIP_CONF and CA_FILE are passed on to infra/build_image.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# ---- configuration; an environment variable of the same name overrides it
APP_NAME=${APP_NAME:-census-model-api}
REPOSITORY_NAME=${REPOSITORY_NAME:-$APP_NAME}
AWS_ACCOUNT_ID=${AWS_ACCOUNT_ID:-}           # empty: the account of the credentials
AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-${AWS_REGION:-us-east-1}}
PLATFORM=${PLATFORM:-linux/amd64}            # or linux/arm64, when the tasks run on ARM64
DATA_SOURCE=${DATA_SOURCE:-real}             # or auto, or synthetic with --allow-synthetic
ECR_REGISTRY=${ECR_REGISTRY:-}               # empty: the account's registry in the region
CLUSTER_NAME=${CLUSTER_NAME:-$APP_NAME-cluster}
SERVICE_NAME=${SERVICE_NAME:-$APP_NAME-service}
LOAD_BALANCER_NAME=${LOAD_BALANCER_NAME:-$APP_NAME-lb}
LB_URL=${LB_URL:-}                           # empty: http:// and the load balancer's DNS name
HEALTH_TIMEOUT=${HEALTH_TIMEOUT:-120}        # seconds for the new version to answer once ECS is stable

export AWS_DEFAULT_REGION AWS_REGION=$AWS_DEFAULT_REGION AWS_PAGER=
export PLATFORM DATA_SOURCE
export BUILDX_NO_DEFAULT_ATTESTATIONS=1      # so that the digest is the image's own, as ECS shows it

die() { echo "push_to_ecr.sh: $*" >&2; exit 1; }
say() { echo "$*" >&2; }
usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]##*/}"; }

parse_options() {
  deploy='' allow_dirty='' allow_synthetic=''
  for option in "$@"; do
    case $option in
      --deploy) deploy=yes ;;
      --allow-dirty) allow_dirty=yes ;;
      --allow-synthetic) allow_synthetic=yes ;;
      --help | -h) usage; exit 0 ;;
      *) die "Unknown option $option; see --help." ;;
    esac
  done
}

check_tools() {
  local tool
  for tool in docker aws git python3 curl; do
    command -v "$tool" >/dev/null || die "The command $tool was not found; install it or add it to the PATH."
  done
  docker info >/dev/null 2>&1 || die "Docker is installed, but its engine does not answer; start it and try again."
}

# Sets version, commit and tag.
check_tree() {
  local changes dirty=
  commit=$(git rev-parse --short=12 HEAD 2>/dev/null) ||
    die "This is not a git checkout with a commit, so the image could not be traced to its code."
  changes=$(git status --porcelain)
  if [ -n "$changes" ]; then
    [ -n "$allow_dirty" ] ||
      die "There are uncommitted changes; commit them or pass --allow-dirty:"$'\n'"$changes"
    dirty=-dirty
  fi
  version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' app/__init__.py)
  tag=$version-$commit$dirty
}

# Sets registry and image.
check_credentials() {
  local account
  account=$(aws sts get-caller-identity --query Account --output text) ||
    die "AWS accepted no credentials; log in with 'aws sso login', or set AWS_PROFILE or access keys."
  AWS_ACCOUNT_ID=${AWS_ACCOUNT_ID:-$account}
  registry=${ECR_REGISTRY:-$AWS_ACCOUNT_ID.dkr.ecr.$AWS_DEFAULT_REGION.amazonaws.com}
  image=$registry/$REPOSITORY_NAME
}

log_in() {
  aws ecr get-login-password | docker login --username AWS --password-stdin "$registry" >/dev/null ||
    die "The registry $registry refused the login; may these credentials use ECR in $AWS_DEFAULT_REGION?"
}

label() { docker image inspect --format "{{index .Config.Labels \"$1\"}}" "$APP_NAME:$tag"; }

# Sets model and source, from the labels of the image.
build() {
  say "Building $APP_NAME:$tag for $PLATFORM from $DATA_SOURCE data."
  infra/build_image.sh "$APP_NAME:$tag" >&2 ||
    die "The build failed. If the data could not be downloaded, put them under data/ or set DATA_SOURCE."
  model=$(label model.sha256) source=$(label model.data-source)
  [ "$source" = real ] || [ -n "$allow_synthetic" ] ||
    die "The model was trained on $source data; pass --allow-synthetic to push it anyway."
}

# Sets digest.
push() {
  local name
  for name in "$tag" latest; do
    docker tag "$APP_NAME:$tag" "$image:$name"
    docker push "$image:$name" | tee /dev/stderr >"$work/push" ||
      die "The push to $image failed; 'infra/deploy.sh repository' creates the repository if there is none."
  done
  digest=$(sed -n 's/.*digest: \(sha256:[0-9a-f]\{64\}\).*/\1/p' "$work/push")
  [ -n "$digest" ] || die "Docker pushed $image but printed no digest."
}

report() {
  cat <<REPORT
Pushed    $image@$digest
Tags      $tag latest
Model     $model ($source data)
SBOM      build/sbom.cdx.json
Redeploy  aws ecs update-service --region $AWS_DEFAULT_REGION --cluster $CLUSTER_NAME --service $SERVICE_NAME --force-new-deployment
Rollback  infra/deploy.sh --image $digest
REPORT
}

# ---- --deploy

ecs() { aws ecs "$@" --cluster "$CLUSTER_NAME" --output text; }

# A restart deploys a new image only when the task definition names the tag `latest`.
check_service() {
  local definition runs
  definition=$(ecs describe-services --services "$SERVICE_NAME" --query 'services[0].taskDefinition') &&
    [ "$definition" != None ] ||
    die "There is no service $SERVICE_NAME in the cluster $CLUSTER_NAME; infra/deploy.sh creates it."
  runs=$(aws ecs describe-task-definition --task-definition "$definition" \
    --query "taskDefinition.containerDefinitions[].image" --output text)
  case $'\t'$runs$'\t' in
    *$'\t'"$image:latest"$'\t'*) ;;
    *) die "The service runs $runs, not $image:latest, so a restart would start the same image; infra/deploy.sh makes it follow latest again." ;;
  esac
}

redeploy() {
  local started now state
  say "Redeploying $SERVICE_NAME; ECS replaces the tasks one after the other, which takes some minutes."
  started=$(ecs update-service --service "$SERVICE_NAME" --force-new-deployment \
    --query "service.deployments[?status=='PRIMARY']|[0].id") || die "ECS refused to redeploy $SERVICE_NAME."
  ecs wait services-stable --services "$SERVICE_NAME" ||
    die "The service did not become stable in time; 'aws ecs describe-services' shows its events."
  read -r now state <<<"$(ecs describe-services --services "$SERVICE_NAME" \
    --query "services[0].deployments[?status=='PRIMARY']|[0].[id, rolloutState]")"
  [ "$now" = "$started" ] && [ "$state" != FAILED ] ||
    die "ECS rolled the deployment back to the previous version; 'aws ecs describe-services' shows why."
}

# Sets LB_URL and hint.
find_load_balancer() {
  local name
  hint=''
  [ -z "$LB_URL" ] || return 0
  hint=' With HTTPS, set LB_URL to https:// and a name in the certificate.'
  name=$(aws elbv2 describe-load-balancers --names "$LOAD_BALANCER_NAME" \
    --query 'LoadBalancers[0].DNSName' --output text) ||
    die "There is no load balancer $LOAD_BALANCER_NAME; set LB_URL to the address of the service."
  LB_URL=http://$name
}

# The API version and the sha256 of the model in the answer of /health, or the error of curl.
answering() {
  curl -fsS --max-time 5 "$LB_URL/health" 2>"$work/curl" |
    python3 -c 'import json, sys; health = json.load(sys.stdin); print(health["api_version"], health["model"]["sha256"])' \
      2>/dev/null || sed 's/^curl: //' "$work/curl"
}

wait_for_health() {
  local deadline=$((SECONDS + HEALTH_TIMEOUT)) answer
  until answer=$(answering) && [ "$answer" = "$version $model" ]; do
    [ "$SECONDS" -lt "$deadline" ] ||
      die "$LB_URL/health did not show $version with the model $model within $HEALTH_TIMEOUT s; the last answer: ${answer:-none}.$hint"
    sleep 1
  done
  echo "Answers   $LB_URL/health: $version with the model $model"
}

parse_options "$@"
check_tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check_tree
check_credentials
[ -z "$deploy" ] || check_service
log_in
build
push
report
if [ -n "$deploy" ]; then
  redeploy
  find_load_balancer
  wait_for_health
fi
