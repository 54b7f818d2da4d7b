import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.auth import digest, parse_pairs
from tests.support.keys import KEY, KEY_OF_BOB, NEXT_KEY, PAIRS, pair

ROOT = Path(__file__).parents[2]
HASH = "0123456789abcdef" * 4


def run(*arguments: str, isolated: bool = False) -> subprocess.CompletedProcess[str]:
    options = ["-I", "-S"] if isolated else []
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from app import auth; auth.main()"
    command = [sys.executable, *options, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_new_key_is_printed_with_the_pair_that_stands_for_it() -> None:
    command = [sys.executable, "-m", "app.auth", "new", "alice"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    match = re.fullmatch(r"API_KEY=(cma_[\w-]{43})\nAPI_KEYS=(alice:[0-9a-f]{64})\n", done.stdout)
    assert match
    assert parse_pairs(match[2]) == {digest(match[1].encode()): "alice"}
    assert "shown this once" in done.stderr
    assert match[1] not in done.stderr


def test_every_key_is_another() -> None:
    assert len({run("new", "alice").stdout for _ in range(2)}) == 2


def test_the_standard_library_is_enough() -> None:
    done = run("new", "alice", isolated=True)
    assert (done.returncode, done.stdout.count("\n")) == (0, 2)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "ä", "a" * 65])
def test_a_name_that_no_log_can_show_is_refused(name: str) -> None:
    done = run("new", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("must be 1 to 64 letters, digits, '.', '_' or '-'\n")


def test_the_printed_lines_can_be_sourced(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(run("new", "a.b_c-1").stdout)
    script = '. "$1"; printf "%s %s" "$API_KEY" "$API_KEYS"'
    shell = ["sh", "-euc", script, "sh", str(tmp_path / "key")]
    key, pairs = subprocess.run(
        shell, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    ).stdout.split()
    assert parse_pairs(pairs) == {digest(key.encode()): "a.b_c-1"}


@pytest.mark.parametrize("separator", [",", " ", "\n", " ,\n", ",,", "\t"])
def test_pairs_are_separated_by_commas_or_space(separator: str) -> None:
    assert parse_pairs(separator.join(["", *PAIRS.split(", "), ""])) == {
        digest(KEY.encode()): "alice",
        digest(NEXT_KEY.encode()): "alice",
        digest(KEY_OF_BOB.encode()): "bob",
    }


def test_a_comment_ends_with_its_line() -> None:
    text = f"# of the team\n{pair('alice', KEY)}  # since May, bob:{HASH}\n#{pair('bob', KEY)}\n"
    assert parse_pairs(text) == {digest(KEY.encode()): "alice"}


def test_a_hash_may_be_in_capitals() -> None:
    name, _, hash_ = pair("alice", KEY).partition(":")
    assert parse_pairs(f"{name}:{hash_.upper()}") == {digest(KEY.encode()): "alice"}


@pytest.mark.parametrize(
    "entry",
    [
        KEY,
        f"alice:{KEY}",
        f"alice:{HASH[1:]}",
        f"alice:{HASH}0",
        f"alice:{HASH[1:]}g",
        f":{HASH}",
        f"a/b:{HASH}",
        f"{'a' * 65}:{HASH}",
        f"alice={HASH}",
    ],
)
def test_an_entry_that_is_no_pair_is_numbered_and_not_repeated(entry: str) -> None:
    with pytest.raises(ValueError, match=r"^Entry 2 is not NAME:SHA256, with") as refused:
        parse_pairs(f"{pair('bob', KEY_OF_BOB)},{entry}")
    assert entry not in str(refused.value)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_key_stands_once_even_under_two_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"^Entry 3 has the SHA-256 of an entry before it$"):
        parse_pairs(f"{pair('alice', KEY)},{pair('alice', NEXT_KEY)},{pair(name, KEY)}")


@pytest.mark.parametrize("text", ["", " ,\n", "# nothing yet\n"])
def test_no_pair_at_all_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^There is no NAME:SHA256$"):
        parse_pairs(text)
