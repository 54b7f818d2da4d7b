#!/usr/bin/env bash
# destroy.sh [--yes]: remove from AWS what deploy.sh created. It asks first, unless --yes is given.
#
# It removes the GitHub role, then the service with its load balancer, network, alarms and logs, and then the
# stack of the repository. Resources that hold data stay; the end lists them, with the commands to remove them.
# From the environment: APP_NAME, REPOSITORY_NAME, AWS_DEFAULT_REGION, as for deploy.sh.
set -euo pipefail

APP_NAME=${APP_NAME:-census-model-api}
REPOSITORY_NAME=${REPOSITORY_NAME:-$APP_NAME}
AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-${AWS_REGION:-us-east-1}}
export AWS_DEFAULT_REGION AWS_REGION=$AWS_DEFAULT_REGION AWS_PAGER=

die() { echo "destroy.sh: $*" >&2; exit 1; }
usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; }

yes=
case ${1:-} in
  "") ;;
  --yes) yes=yes ;;
  --help | -h) usage; exit 0 ;;
  *) die "Unknown option $1; see --help." ;;
esac

command -v aws >/dev/null || die "The command aws was not found; install it or add it to the PATH."
account=$(aws sts get-caller-identity --query Account --output text) ||
  die "AWS accepted no credentials; log in with 'aws sso login', or set AWS_PROFILE or access keys."

exists() { aws cloudformation describe-stacks --stack-name "$1" >/dev/null 2>&1; }

stacks=()
for stack in "$APP_NAME-github" "$APP_NAME" "$APP_NAME-repository"; do
  if exists "$stack"; then stacks+=("$stack"); fi
done
[ ${#stacks[@]} -gt 0 ] || { echo "There are no stacks of $APP_NAME in $AWS_DEFAULT_REGION of account $account."; exit 0; }

balancer=$(aws elbv2 describe-load-balancers --names "$APP_NAME-lb" --output text \
  --query 'LoadBalancers[0].LoadBalancerArn' 2>/dev/null) || balancer=
if [ -n "$balancer" ]; then
  protection=$(aws elbv2 describe-load-balancer-attributes --load-balancer-arn "$balancer" --output text \
    --query "Attributes[?Key=='deletion_protection.enabled'].Value")
  [ "$protection" != true ] ||
    die "The load balancer is protected from deletion; first run infra/deploy.sh DeletionProtection=false"
fi
bucket=$(aws cloudformation list-stack-resources --stack-name "$APP_NAME" --output text 2>/dev/null \
  --query "StackResourceSummaries[?LogicalResourceId=='LogBucket'].PhysicalResourceId") || bucket=

echo "These stacks of account $account in $AWS_DEFAULT_REGION will be removed, with all that runs and its logs: ${stacks[*]}"
if [ -z "$yes" ]; then
  read -rp "Type $APP_NAME to remove them: " answer || answer=
  [ "$answer" = "$APP_NAME" ] || die "Nothing was removed."
fi

for stack in "${stacks[@]}"; do
  echo "Removing $stack; this may take some minutes."
  aws cloudformation delete-stack --stack-name "$stack"
  aws cloudformation wait stack-delete-complete --stack-name "$stack" ||
    die "CloudFormation could not remove $stack; 'aws cloudformation describe-stack-events --stack-name $stack' shows why."
done

echo
echo "These stay; a command removes what is no longer needed:"
region="--region $AWS_DEFAULT_REGION"
if images=$(aws ecr describe-images --repository-name "$REPOSITORY_NAME" --query 'length(imageDetails)' 2>/dev/null); then
  echo "- the repository $REPOSITORY_NAME with its images ($images)"
  echo "    aws ecr delete-repository $region --repository-name $REPOSITORY_NAME --force"
fi
if [ -n "$bucket" ] && aws s3api head-bucket --bucket "$bucket" >/dev/null 2>&1; then
  echo "- the bucket $bucket with the load balancer's access logs, which expire on their own"
  echo "    aws s3 rb $region s3://$bucket --force"
fi
case " ${stacks[*]} " in
  *" $APP_NAME "*)
    echo "- the log group of Container Insights, if there is one"
    echo "    aws logs delete-log-group $region --log-group-name /aws/ecs/containerinsights/$APP_NAME-cluster/performance"
    echo "- the key of the logs and alarms: AWS deletes it after seven days, and until then that can be cancelled"
    ;;
esac
case " ${stacks[*]} " in
  *" $APP_NAME-github "*)
    echo "- GitHub's identity provider, because other roles may use it ('aws iam list-open-id-connect-providers')"
    ;;
esac
