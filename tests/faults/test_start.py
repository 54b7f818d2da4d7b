"""What keeps a service from starting; tests/app/test_server.py has what is wrong with settings and models."""

from pathlib import Path

from tests.support.service_process import ServiceProcess, Start


def test_a_second_instance_says_in_one_line_that_the_port_is_in_use(
    service: ServiceProcess, start: Start, tiny_model: Path, body: bytes
) -> None:
    second = start(MODEL_DIR=tiny_model, PORT=str(service.port))
    assert second.wait() == 1
    assert second.lines == [
        f"Port {service.port} on 127.0.0.1 is in use. Stop what listens there, or set PORT."
    ]
    assert service.request("POST", "/predict", body)[0] == 200
