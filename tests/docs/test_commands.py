"""Every command on the pages does what its page says."""

from __future__ import annotations

import contextlib
import re
import shutil

import pytest

from tests.chat_server import ChatServer
from tests.docs.pages import PAGES, Block, blocks_of
from tests.docs.sandbox import Sandbox, commands_in, is_plain, parse

pytestmark = pytest.mark.slow

WITH_BLOCKS = [path for path in PAGES if any(blocks_of(path))]
SERVED = ("openai", "chat")
TIMES = (
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b"), "0 s"),
    (re.compile(r'"(took_ms|seconds)": ?[\d.]+'), r'"\1":0'),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[\d.]+)?(\+00:00|Z)?"), "2025-03-01T09:30"),
)


@pytest.mark.parametrize("path", WITH_BLOCKS, ids=lambda path: path.name)
def test_the_commands_of_a_page(path, tmp_path, monkeypatch):
    home = tmp_path / "ana"
    sandbox = Sandbox(home)
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("COLUMNS", "100")
    for block in blocks_of(path):
        if not can_run(block):
            for words in commands_in(block.text):
                parsed(block, words)
        else:
            with served(block, monkeypatch):
                run_block(sandbox, block)


def can_run(block: Block) -> bool:
    """Return whether a block finds here what it needs."""
    if re.search(r"\bjq\b", block.text) and shutil.which("jq") is None:
        return False
    return not block.needs or block.needs in SERVED


def parsed(block: Block, words: list[str]) -> None:
    """Fail when a command or a flag does not exist."""
    try:
        parse(words)
    except Exception as error:
        pytest.fail(f"{block.page}:{block.line}: {words}: {error!r}")


def run_block(sandbox: Sandbox, block: Block) -> None:
    """Run a block; what the page shows after a command must be what it prints."""
    for line in block.given:
        code, printed = sandbox.run(line)
        assert code == 0, f"{block.page}:{block.line}: given {line}\n{printed}"
    for text, shown in block.steps:
        code, printed = sandbox.run(text)
        place = f"{block.page}:{block.line}: {text}\nexit code {code}\n{printed}"
        assert "Traceback" not in printed, place
        assert code == 0 or shown, place
        if shown:
            assert matches("\n".join(shown), printed), place


@contextlib.contextmanager
def served(block: Block, monkeypatch):
    """Give a block the server that it needs."""
    if not block.needs:
        yield
        return
    with (
        ChatServer(["Rotate the signing key every 90 days [1]."]) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        patch.setenv("OPENAI_API_KEY", "sk-of-the-test")
        if block.needs == "chat":
            patch.setenv("KNOW_CHAT_MODEL", "a-chat-model")
            patch.setenv("KNOW_EMBEDDING_MODEL_PROVIDER", "static")
        yield


def matches(shown: str, printed: str) -> bool:
    """Return whether output is what a page shows; a line of ``…`` stands for any lines."""
    parts = re.split(r"^[ ]*…$\n?", plain(shown), flags=re.MULTILINE)
    pattern = "(?:.*\n)*?".join(map(re.escape, parts))
    return re.fullmatch(pattern, plain(printed)) is not None


def plain(text: str) -> str:
    """Return text with the same times everywhere, and no space at the ends of lines."""
    for pattern, instead in TIMES:
        text = pattern.sub(instead, text)
    return re.sub(r"[ ]+$", "", text, flags=re.MULTILINE).strip("\n") + "\n"


def test_what_is_plain_runs_in_this_process():
    assert is_plain("knowledge retrieve 'a | b' --where \"year >= 2020\"  # a comment")
    assert is_plain("knowledge ingest docs --metadata team=support")
    for line in ("knowledge version | head", "X=1 knowledge version", "ls", 'knowledge "$X"'):
        assert not is_plain(line)


def test_a_wrong_flag_on_a_page_is_found():
    words = list(commands_in("if A=1 knowledge ingest docs --prun && true | knowledge nothing"))
    assert words == [["ingest", "docs", "--prun"], ["nothing"]]
    block = Block("page", 1, "sh", "")
    for wrong in words:
        with pytest.raises(pytest.fail.Exception):
            parsed(block, wrong)
    parsed(block, ["ingest", "docs", "--prune"])
    parsed(block, ["models", "list"])


def test_what_is_shown_is_compared():
    assert matches("a\n…\nd in 1.0 s", "a\nb\nc\nd in 27 ms\n")
    assert not matches("a\nd", "a\nb\nd\n")
    assert not matches("a\n…\nd", "a\nb\n")
