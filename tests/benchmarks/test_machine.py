from benchmarks import machine


def test_the_cpu_is_named() -> None:
    assert machine.cpu_model("processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags : x\n") == "AMD EPYC 7B13"
    assert machine.cpu_model("processor\t: 0\nBogoMIPS : 50\n") == "unknown"


def test_the_description_does_not_name_the_host() -> None:
    keys = {"date", "cpu", "cores", "memory_gb", "system", "load_before", "python", "packages"}
    assert set(machine.describe()) == keys
