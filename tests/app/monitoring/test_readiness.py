from app.monitoring.readiness import Readiness


def test_draining_outlasts_the_start_of_a_worker() -> None:
    readiness = Readiness()
    readiness.drain()
    readiness.started = True
    assert readiness.obstacle() == "The replica is draining."
