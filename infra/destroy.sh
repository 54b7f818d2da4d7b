#!/usr/bin/env bash
# destroy.sh [--yes]: remove from AWS what deploy.sh created; asks first, unless --yes is given.
#
# In this order: the GitHub role, the service with its load balancer, network, alarms and logs, and the stack
# of the repository. What holds data stays, and is named at the end with the command that removes it.
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
  *) die "There is no option $1; --help shows what can be given." ;;
esac

command -v aws >/dev/null || die "The command aws is needed and was not found on the PATH."
account=$(aws sts get-caller-identity --query Account --output text) ||
  die "AWS refused, or found no credentials; log in with 'aws sso login', or set AWS_PROFILE or keys."

exists() { aws cloudformation describe-stacks --stack-name "$1" >/dev/null 2>&1; }

stacks=()
for stack in "$APP_NAME-github" "$APP_NAME" "$APP_NAME-repository"; do
  if exists "$stack"; then stacks+=("$stack"); fi
done
[ ${#stacks[@]} -gt 0 ] || { echo "There is nothing of $APP_NAME in $AWS_DEFAULT_REGION of account $account."; exit 0; }

balancer=$(aws elbv2 describe-load-balancers --names "$APP_NAME-lb" --output text \
  --query 'LoadBalancers[0].LoadBalancerArn' 2>/dev/null) || balancer=
if [ -n "$balancer" ]; then
  protection=$(aws elbv2 describe-load-balancer-attributes --load-balancer-arn "$balancer" --output text \
    --query "Attributes[?Key=='deletion_protection.enabled'].Value")
  [ "$protection" != true ] ||
    die "The load balancer is protected; first: infra/deploy.sh DeletionProtection=false"
fi
bucket=$(aws cloudformation list-stack-resources --stack-name "$APP_NAME" --output text 2>/dev/null \
  --query "StackResourceSummaries[?LogicalResourceId=='LogBucket'].PhysicalResourceId") || bucket=

echo "From $AWS_DEFAULT_REGION of account $account, these stacks go, and with them what runs and its logs: ${stacks[*]}"
if [ -z "$yes" ]; then
  read -rp "Type $APP_NAME to remove them: " answer || answer=
  [ "$answer" = "$APP_NAME" ] || die "Nothing was removed."
fi

for stack in "${stacks[@]}"; do
  echo "Removing $stack, which may take some minutes."
  aws cloudformation delete-stack --stack-name "$stack"
  aws cloudformation wait stack-delete-complete --stack-name "$stack" ||
    die "CloudFormation could not remove $stack; 'aws cloudformation describe-stack-events --stack-name $stack' shows why."
done

echo
echo "What stays, and how to remove it when it is not needed any more:"
region="--region $AWS_DEFAULT_REGION"
if images=$(aws ecr describe-images --repository-name "$REPOSITORY_NAME" --query 'length(imageDetails)' 2>/dev/null); then
  echo "- the repository $REPOSITORY_NAME with its images ($images)"
  echo "    aws ecr delete-repository $region --repository-name $REPOSITORY_NAME --force"
fi
if [ -n "$bucket" ] && aws s3api head-bucket --bucket "$bucket" >/dev/null 2>&1; then
  echo "- the bucket $bucket with the load balancer's access logs, which expire by themselves"
  echo "    aws s3 rb $region s3://$bucket --force"
fi
case " ${stacks[*]} " in
  *" $APP_NAME "*)
    echo "- what Container Insights wrote, if it did"
    echo "    aws logs delete-log-group $region --log-group-name /aws/ecs/containerinsights/$APP_NAME-cluster/performance"
    echo "- the key of the logs and alarms, for seven days, in which its removal can still be cancelled"
    ;;
esac
case " ${stacks[*]} " in
  *" $APP_NAME-github "*)
    echo "- GitHub's identity provider, as other roles may need it ('aws iam list-open-id-connect-providers')"
    ;;
esac
