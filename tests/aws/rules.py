"""What cfn-lint and checkov do not see: a rule raises AssertionError when a template breaks it."""

from collections.abc import Callable

from tests.aws import rules_of_access as access
from tests.aws import rules_of_network as network
from tests.aws import rules_of_tasks as tasks
from tests.aws.template import Template

Rule = Callable[[Template], None]

RULES: dict[str, list[Rule]] = {
    "repository.yaml": [access.the_repository_keeps_what_a_rollback_needs],
    "github-oidc.yaml": [
        access.only_one_repository_and_environment_may_deploy,
        access.the_provider_of_github_is_made_once_and_kept,
        access.the_role_may_do_what_the_push_script_does,
        access.a_role_may_do_named_things_to_named_resources,
    ],
    "service.yaml": [
        tasks.names_are_the_ones_on_the_card,
        tasks.the_container_is_the_one_that_is_balanced,
        tasks.a_task_can_change_nothing_but_tmp,
        tasks.a_task_has_no_privilege,
        tasks.a_task_has_the_time_to_stop_that_fargate_allows,
        tasks.a_task_is_checked_by_what_the_image_has,
        tasks.a_task_logs_to_a_group_that_expires,
        tasks.a_secret_comes_by_its_arn_and_is_readable,
        tasks.the_roles_are_two_and_the_service_has_no_permission,
        access.a_role_may_do_named_things_to_named_resources,
        tasks.a_deployment_keeps_every_replica_and_rolls_back,
        tasks.the_service_waits_for_its_listener_and_its_way_out,
        tasks.an_update_leaves_the_number_of_tasks_alone,
        tasks.scaling_follows_requests_and_cpu,
        tasks.spot_comes_on_top_of_tasks_that_stay,
        tasks.the_service_is_spread_observed_and_tagged,
        network.targets_are_addresses_on_the_health_route,
        network.the_load_balancer_is_careful_and_keeps_logs,
        network.without_a_certificate_it_is_http,
        network.with_a_certificate_it_is_https_and_http_redirects,
        network.only_the_load_balancer_reaches_a_task,
        network.a_task_has_no_public_address_unless_asked,
        network.a_nat_gateway_comes_only_when_asked,
        network.everything_is_in_two_zones,
        network.the_firewall_is_optional_and_lets_batches_through,
        network.the_log_bucket_is_private_encrypted_and_expires,
        network.every_alarm_is_told,
        network.alarms_and_events_reach_the_topic,
        network.a_failed_deployment_is_told,
        network.the_dashboard_shows_every_alarm,
    ],
}
