#!/usr/bin/env bash
# deploy.sh: create or update the stacks on AWS, and print where the service answers.
#
#   infra/deploy.sh repository           the image repository, which ./push_to_ecr.sh pushes to
#   infra/deploy.sh [service]            the service, and the repository if there is none
#   infra/deploy.sh github OWNER/NAME    the role that the workflows of that GitHub repository deploy with
#
#   --image IMAGE      the image that the service runs: a tag, sha256:… or a whole address (default: latest)
#   Parameter=Value …  parameters of the template; one that is not given keeps its value
#   --help             show this
#
# From the environment: APP_NAME, REPOSITORY_NAME, AWS_DEFAULT_REGION, as for push_to_ecr.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

APP_NAME=${APP_NAME:-census-model-api}
REPOSITORY_NAME=${REPOSITORY_NAME:-$APP_NAME}
AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-${AWS_REGION:-us-east-1}}
export AWS_DEFAULT_REGION AWS_REGION=$AWS_DEFAULT_REGION AWS_PAGER=

die() { echo "deploy.sh: $*" >&2; exit 1; }
say() { echo "$*" >&2; }
usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]##*/}"; }

parse_arguments() {
  what=service image=latest image_given='' github=''
  parameters=()
  case ${1:-} in
    repository | service) what=$1; shift ;;
    github) what=$1 github=${2:-}; shift; [ $# -eq 0 ] || shift ;;
  esac
  while [ $# -gt 0 ]; do
    case $1 in
      --image) image=${2:-} image_given=yes; shift; [ $# -gt 0 ] || break ;;
      --help | -h) usage; exit 0 ;;
      [A-Z]*=*) parameters+=("$1") ;;
      *) die "Unknown argument '$1'; see --help." ;;
    esac
    shift
  done
  [ -n "$image" ] || die "--image needs a tag, a digest (sha256:…) or a whole address."
  [ -z "$image_given" ] || [ "$what" = service ] || die "Only the service has an image; leave --image out."
  template=$what.yaml
  [ "$what" != github ] || template="github-oidc.yaml"
}

# The value given for a parameter, or nothing.
given() {
  local pair
  for pair in ${parameters[@]+"${parameters[@]}"}; do
    [ "${pair%%=*}" != "$1" ] || echo "${pair#*=}"
  done
}

# The parameters of the template, except those that come from the environment or an option.
allowed() {
  sed -n '/^Parameters:/,/^[A-Z][a-z]*:$/s/^  \([A-Za-z]*\):$/\1/p' "$template" |
    grep -vxE 'AppName|RepositoryName|ImageUri|GitHubRepository'
}

# CloudFormation would refuse these too, but only after minutes, or less clearly.
check_parameters() {
  local pair name region least most
  for pair in ${parameters[@]+"${parameters[@]}"}; do
    allowed | grep -qxF "${pair%%=*}" ||
      die "infra/$template has no parameter ${pair%%=*} to set; it has: $(allowed | paste -sd ' ')."
  done
  if [ -n "$(given VpcId)" ]; then
    for name in PublicSubnetIds PrivateSubnetIds; do
      [ -n "$(given "$name")" ] || die "VpcId needs $name too: the ids of the subnets, separated by commas."
    done
    [ -n "$(given VpcCidr)" ] || die "VpcId needs VpcCidr too: its block of addresses, such as 172.31.0.0/16."
  fi
  region=$(given CertificateArn | cut -d: -f4)
  [ -z "$region" ] || [ "$region" = "$AWS_DEFAULT_REGION" ] ||
    die "The certificate is in $region, but the load balancer is in $AWS_DEFAULT_REGION; both must be in the same region."
  least=$(given MinTasks) most=$(given MaxTasks)
  [ -z "$least" ] || [ -z "$most" ] || [ "$least" -le "$most" ] ||
    die "MinTasks ($least) is more than MaxTasks ($most)."
  if [ "$what" = github ]; then
    [[ $github =~ ^[A-Za-z0-9-]+(@[0-9]+)?/[A-Za-z0-9._-]+(@[0-9]+)?$ ]] ||
      die "Name the GitHub repository: infra/deploy.sh github OWNER/NAME (or OWNER@ID/NAME@ID, see infra/README.md)."
  fi
}

check_credentials() {
  command -v aws >/dev/null || die "The command aws was not found; install it or add it to the PATH."
  account=$(aws sts get-caller-identity --query Account --output text) ||
    die "AWS accepted no credentials; log in with 'aws sso login', or set AWS_PROFILE or access keys."
}

stack_status() {
  aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' --output text 2>/dev/null ||
    echo none
}

# STACK TEMPLATE Parameter=Value…
deploy_stack() {
  local stack=$1 from=$2
  shift 2
  [ "$(stack_status "$stack")" != ROLLBACK_COMPLETE ] ||
    die "The last creation of the stack $stack failed; delete the stack first: aws cloudformation delete-stack --region $AWS_DEFAULT_REGION --stack-name $stack"
  say "Deploying the stack $stack in $AWS_DEFAULT_REGION of account $account."
  aws cloudformation deploy --stack-name "$stack" --template-file "$from" --capabilities CAPABILITY_IAM \
    --no-fail-on-empty-changeset --tags "Application=$APP_NAME" --parameter-overrides "$@" >&2 || {
    aws cloudformation describe-stack-events --stack-name "$stack" --output text \
      --query "StackEvents[?ends_with(ResourceStatus, '_FAILED')].[LogicalResourceId, ResourceStatusReason]" 2>/dev/null |
      head -n 10 >&2 || true
    die "CloudFormation could not deploy $stack, and rolled it back."
  }
}

repository_exists() { aws ecr describe-repositories --repository-names "$REPOSITORY_NAME" >/dev/null 2>&1; }

deploy_repository() {
  local stack=$APP_NAME-repository
  if [ "$(stack_status "$stack")" = none ] && repository_exists; then
    say "The repository $REPOSITORY_NAME exists outside the stack $stack; it stays as it is."
  else
    deploy_stack "$stack" repository.yaml "RepositoryName=$REPOSITORY_NAME" "$@"
  fi
}

# Sets uri, from a tag, a digest or a whole address.
check_image() {
  local repository=$account.dkr.ecr.$AWS_DEFAULT_REGION.amazonaws.com/$REPOSITORY_NAME id
  case $image in
    sha256:*) uri=$repository@$image ;;
    */*) uri=$image ;;
    *) uri=$repository:$image ;;
  esac
  case $uri in
    "$repository@"*) id=imageDigest=${uri#"$repository@"} ;;
    "$repository:"*) id=imageTag=${uri#"$repository:"} ;;
    *) die "Tasks may pull images from $repository only, not $uri." ;;
  esac
  aws ecr describe-images --repository-name "$REPOSITORY_NAME" --image-ids "$id" >/dev/null 2>&1 ||
    die "The repository $REPOSITORY_NAME has no image ${id#*=}; push it first with ./push_to_ecr.sh."
}

report_service() {
  local balancer dns scheme=http
  read -r balancer dns <<<"$(aws elbv2 describe-load-balancers --names "$APP_NAME-lb" --output text \
    --query 'LoadBalancers[0].[LoadBalancerArn, DNSName]')"
  aws elbv2 describe-listeners --load-balancer-arn "$balancer" --query 'Listeners[].Protocol' --output text |
    grep -qw HTTPS && scheme=https
  cat <<REPORT
Image     $uri
DNS name  $dns
Health    curl $scheme://$dns/health
Redeploy  aws ecs update-service --region $AWS_DEFAULT_REGION --cluster $APP_NAME-cluster --service $APP_NAME-service --force-new-deployment
REPORT
  if [ $scheme = https ]; then
    echo "Point the name in your certificate to the DNS name, and use it: the certificate is not valid for the DNS name."
  fi
}

deploy_service() {
  repository_exists || deploy_stack "$APP_NAME-repository" repository.yaml "RepositoryName=$REPOSITORY_NAME"
  check_image
  deploy_stack "$APP_NAME" service.yaml "AppName=$APP_NAME" "RepositoryName=$REPOSITORY_NAME" "ImageUri=$uri" "$@"
  report_service
}

# An account can have only one identity provider for GitHub, so it is created only when there is none.
deploy_github() {
  local stack=$APP_NAME-github provider role
  if [ "$(stack_status "$stack")" = none ]; then
    provider=$(aws iam list-open-id-connect-providers --output text \
      --query "OpenIDConnectProviderList[?ends_with(Arn, '/token.actions.githubusercontent.com')].Arn")
    [ -z "$provider" ] || set -- "OidcProviderArn=$provider" "$@"
  fi
  deploy_stack "$stack" github-oidc.yaml "AppName=$APP_NAME" "RepositoryName=$REPOSITORY_NAME" \
    "GitHubRepository=$github" "$@"
  role=$(aws cloudformation list-stack-resources --stack-name "$stack" --output text \
    --query "StackResourceSummaries[?LogicalResourceId=='DeployRole'].PhysicalResourceId")
  echo "Role  $(aws iam get-role --role-name "$role" --query Role.Arn --output text)"
}

parse_arguments "$@"
check_parameters
check_credentials
"deploy_$what" ${parameters[@]+"${parameters[@]}"}
