"""What a task is, and how it is replaced: service.yaml."""

from tests.aws.conftest import ROOT
from tests.aws.template import SECRET, Template, as_list, container, stack, statements

PORT = 8001


def names_are_the_ones_on_the_card(template: Template) -> None:
    of = stack(template)
    assert of.properties("Cluster")["ClusterName"] == "census-model-api-cluster"
    assert of.properties("Service")["ServiceName"] == "census-model-api-service"
    assert of.properties("TaskDefinition")["Family"] == "census-model-api-task"
    assert of.properties("LoadBalancer")["Name"] == "census-model-api-lb"


def the_container_is_the_one_that_is_balanced(template: Template) -> None:
    of = stack(template)
    (balanced,) = of.properties("Service")["LoadBalancers"]
    ports = {each["ContainerPort"] for each in container(of)["PortMappings"]}
    assert balanced["ContainerName"] == container(of)["Name"]
    assert balanced["TargetGroupArn"] == of.render({"Ref": "TargetGroup"})
    assert {balanced["ContainerPort"]} == ports == {of.properties("TargetGroup")["Port"]} == {PORT}
    assert f"PORT={PORT} " in (ROOT / "Dockerfile").read_text()


def a_task_can_change_nothing_but_tmp(template: Template) -> None:
    one = container(stack(template))
    assert one["ReadonlyRootFilesystem"] is True
    assert [each["ContainerPath"] for each in one["LinuxParameters"]["Tmpfs"]] == ["/tmp"]  # noqa: S108
    assert "MountPoints" not in one, "an empty volume belongs to root on Fargate"


def a_task_has_no_privilege(template: Template) -> None:
    one = container(stack(template))
    assert one["User"] == "10001:10001"
    assert f"USER {one['User']}\n" in (ROOT / "Dockerfile").read_text()
    assert one.get("Privileged", False) is False
    assert one["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert one["LinuxParameters"]["InitProcessEnabled"] is True


def a_task_has_the_time_to_stop_that_fargate_allows(template: Template) -> None:
    assert container(stack(template))["StopTimeout"] <= 120


def a_task_is_checked_by_what_the_image_has(template: Template) -> None:
    command = container(stack(template))["HealthCheck"]["Command"]
    assert command == ["CMD", "python", "-m", "app.healthcheck"]
    assert (ROOT / "app/healthcheck.py").is_file()


def a_task_logs_to_a_group_that_expires(template: Template) -> None:
    of = stack(template)
    log = container(of)["LogConfiguration"]
    group = of.properties("LogGroup")
    assert log["LogDriver"] == "awslogs"
    assert log["Options"]["awslogs-group"] == of.render({"Ref": "LogGroup"})
    assert log["Options"]["mode"] == "non-blocking"
    assert int(group["RetentionInDays"]) == 30
    assert group["KmsKeyId"] == "Key.Arn"


def a_secret_comes_by_its_arn_and_is_readable(template: Template) -> None:
    assert "Secrets" not in container(stack(template))
    assert not [each for _, each in statements(stack(template)) if "secretsmanager" in str(each)]
    of = stack(template, **SECRET)
    assert container(of)["Secrets"] == [{"Name": "TOKEN", "ValueFrom": SECRET["SecretArn"]}]
    (reads,) = (each for _, each in statements(of) if "secretsmanager" in str(each))
    assert (reads["Action"], reads["Resource"]) == ("secretsmanager:GetSecretValue", SECRET["SecretArn"])
    assert "SecretEndpoint" in of.resources()


def the_roles_are_two_and_the_service_has_no_permission(template: Template) -> None:
    of = stack(template)
    task = of.properties("TaskDefinition")
    assert task["ExecutionRoleArn"] == "ExecutionRole.Arn"
    assert task["TaskRoleArn"] == "TaskRole.Arn"
    assert not {"Policies", "ManagedPolicyArns"} & set(of.properties("TaskRole"))
    assert "ManagedPolicyArns" not in of.properties("ExecutionRole")


# ---- how it is replaced


def a_deployment_keeps_every_replica_and_rolls_back(template: Template) -> None:
    deployment = stack(template).properties("Service")["DeploymentConfiguration"]
    assert deployment["MinimumHealthyPercent"] == 100
    assert deployment["MaximumPercent"] == 200
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert deployment["Alarms"] == {
        "AlarmNames": ["Target5xxAlarm", "LoadBalancer5xxAlarm"],
        "Enable": True,
        "Rollback": True,
    }


def the_service_waits_for_its_listener_and_its_way_out(template: Template) -> None:
    resources = template["Resources"]
    assert set(as_list(resources["Service"]["DependsOn"])) >= {"Listener", "EgressReady"}
    assert "Condition" not in resources["Listener"], "DependsOn cannot name what may not exist"
    assert resources["RedirectListener"]["DependsOn"] == "Listener"
    assert set(as_list(resources["LoadBalancer"]["DependsOn"])) >= {"InternetReady", "LogBucketPolicy"}
    needs = {"endpoints": "EcrApiEndpoint", "nat": "NatRoute", "public": "PublicRoute"}
    for egress, needed in needs.items():
        waits = {name: resources[name]["Metadata"]["Needs"] for name in ("InternetReady", "EgressReady")}
        assert needed in str(stack(template, TaskEgress=egress).render(waits))


def an_update_leaves_the_number_of_tasks_alone(template: Template) -> None:
    of = stack(template)
    assert "DesiredCount" not in of.properties("Service")
    target = of.properties("ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (3, 12)
    assert target["ResourceId"] == "service/Cluster/Service.Name"


def scaling_follows_requests_and_cpu(template: Template) -> None:
    configurations = [
        each["TargetTrackingScalingPolicyConfiguration"]
        for each in stack(template).of_type("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    ]
    metrics = {each["PredefinedMetricSpecification"]["PredefinedMetricType"]: each for each in configurations}
    assert set(metrics) == {"ALBRequestCountPerTarget", "ECSServiceAverageCPUUtilization"}
    requests = metrics["ALBRequestCountPerTarget"]["PredefinedMetricSpecification"]
    assert requests["ResourceLabel"] == "app/lb/1/targetgroup/tg/2"
    assert all(each["ScaleOutCooldown"] < each["ScaleInCooldown"] for each in configurations)


def spot_comes_on_top_of_tasks_that_stay(template: Template) -> None:
    usual = stack(template).properties("Service")["CapacityProviderStrategy"]
    assert [each["CapacityProvider"] for each in usual] == ["FARGATE"]
    asked = stack(template, UseSpot="true").properties("Service")["CapacityProviderStrategy"]
    base = {each["CapacityProvider"]: int(each.get("Base", 0)) for each in asked}
    assert base == {"FARGATE": 2, "FARGATE_SPOT": 0}
    assert "LaunchType" not in stack(template).properties("Service")
    providers = stack(template).properties("Cluster")["CapacityProviders"]
    assert set(providers) == {"FARGATE", "FARGATE_SPOT"}


def the_service_is_spread_observed_and_tagged(template: Template) -> None:
    of = stack(template)
    service = of.properties("Service")
    assert service["AvailabilityZoneRebalancing"] == "ENABLED"
    assert service["HealthCheckGracePeriodSeconds"] == 60
    assert service["PropagateTags"] == "SERVICE"
    assert service["EnableECSManagedTags"] is True
    assert of.properties("Cluster")["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enabled"}]
