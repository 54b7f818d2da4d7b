from app.monitoring.readiness import Readiness


def test_worker_that_starts_during_a_drain_is_draining() -> None:
    readiness = Readiness()
    readiness.drain()
    readiness.started = True
    assert readiness.obstacle() == "The replica is draining."
