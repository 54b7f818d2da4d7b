import pytest
from pydantic import ValidationError

from model_build.spec.source import Source

SHA256 = "0123456789abcdef" * 4


def source(uri: str, sha256: str | None = SHA256) -> Source:
    return Source(uri=uri, sha256=sha256)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("/etc/passwd", "'/etc/passwd' must be relative to the data directory"),
        ("../adult.data", "'../adult.data' must not contain '..'"),
        ("raw/../../adult.data", "'raw/../../adult.data' must not contain '..'"),
        ("https://example.org/..", "'https://example.org/..' must not contain '..'"),
        ("", "'' names no file"),
        ("https://example.org/?file=adult", "'https://example.org/?file=adult' names no file"),
        ("s3://census", "'s3://census' names no file"),
        ("s3:///adult.data", "'s3:///adult.data' names no bucket"),
        ("https:///adult.data", "'https:///adult.data' names no host"),
        (
            "ftp://h/adult.data",
            "'ftp://h/adult.data' must be a file name, s3://bucket/key, https://host/path or sklearn://iris",
        ),
        (
            "http://example.org/adult.data",
            "'http://example.org/adult.data' must be https://; http:// is only for localhost, 127.0.0.1, ::1",
        ),
    ],
)
def test_invalid_uri_is_an_error(uri: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        source(uri)
    assert [error["msg"] for error in caught.value.errors()] == [f"Value error, {message}"]


@pytest.mark.parametrize(
    "parameter", ["password=hidden", "X-Amz-Security-Token=hidden", "a=1&client_secret=hidden"]
)
def test_uri_with_a_secret_in_its_query_is_an_error_that_hides_it(parameter: str) -> None:
    with pytest.raises(ValidationError) as caught:
        source(f"https://example.org/adult.data?{parameter}")
    (error,) = caught.value.errors()
    assert error["msg"] == "Value error, must hold no user name and no password"


@pytest.mark.parametrize("scheme", ["https", "http", "s3", "ftp"])
@pytest.mark.parametrize("user", ["user:secret", "secret", ":secret"])
def test_uri_with_a_user_or_password_is_an_error_that_hides_it(scheme: str, user: str) -> None:
    with pytest.raises(ValidationError) as caught:
        source(f"{scheme}://{user}@localhost/adult.data")
    message = "Value error, must hold no user name and no password"
    assert [error["msg"] for error in caught.value.errors()] == [message]


def test_path_may_have_an_at_sign() -> None:
    assert source("s3://census/raw@1994/adult.data").file_names[0] == "adult.data"


@pytest.mark.parametrize("uri", ["https://example.org/adult.data", "s3://census/adult.data"])
def test_remote_source_without_a_checksum_is_an_error(uri: str) -> None:
    with pytest.raises(ValidationError) as caught:
        source(uri, None)
    message = f"Value error, {uri!r} needs a sha256; only a local file may have none"
    assert [error["msg"] for error in caught.value.errors()] == [message]


@pytest.mark.parametrize("sha256", [SHA256.upper(), SHA256[:-1], SHA256 + "0", SHA256 + "\n", ""])
def test_checksum_must_have_64_lower_case_hex_digits(sha256: str) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        source("adult.data", sha256)


@pytest.mark.parametrize(
    ("uri", "file_name"),
    [
        ("https://example.org/ml/adult.data?version=1", "adult.data"),
        ("http://localhost:8000/adult.data", "adult.data"),
        ("http://[::1]:8000/adult.data", "adult.data"),
        ("s3://census/raw/adult.data", "adult.data"),
    ],
)
def test_download_has_the_last_name_of_its_uri_or_a_checksum_before_it(uri: str, file_name: str) -> None:
    assert source(uri).file_names == (file_name, f"{SHA256[:12]}-{file_name}")


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_local_file_has_only_its_own_name(sha256: str | None) -> None:
    assert source("raw/adult.data", sha256).file_names == ("raw/adult.data",)
