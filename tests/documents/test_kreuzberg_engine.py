import os
import subprocess
import sys

import pytest

from knowledge.documents.loaders.office.kreuzberg_engine import without_escapes
from tests.documents.makers import load_one, pdf


@pytest.mark.skipif(sys.platform != "linux", reason="looks into the cache folder of Linux")
def test_the_native_library_lies_where_no_other_user_can_put_one(tmp_path):
    cache, shared = tmp_path / "cache", tmp_path / "shared"
    shared.mkdir()
    (tmp_path / "a.pdf").write_bytes(pdf("text"))
    script = (
        "import os; from knowledge.documents.loading import load; "
        "from knowledge.documents.options import LoadOptions; "
        "options = LoadOptions(engines={'pdf': 'kreuzberg'}); "
        "read = load(open('a.pdf', 'rb').read(), 'a.pdf', options); "
        "print(read.documents[0].text, os.environ['TMPDIR'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "TMPDIR": str(shared)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.stdout.split() == ["text", str(shared)], result.stderr
    assert list(shared.iterdir()) == []
    (folder,) = cache.glob("knowledge/native")
    assert folder.stat().st_mode & 0o077 == 0
    assert [path.name for path in folder.iterdir()] == ["kreuzberg-pdfium"]


def test_the_temporary_folder_is_as_it_was(monkeypatch):
    for before in (None, "/somewhere"):
        monkeypatch.delenv("TMPDIR", raising=False)
        if before:
            monkeypatch.setenv("TMPDIR", before)
        load_one(pdf("text"), "a.pdf")
        assert os.environ.get("TMPDIR") == before


def test_escapes_that_markdown_does_not_need_go():
    assert without_escapes(r"fun\! \*so\* 5\.") == r"fun! \*so\* 5."
    assert without_escapes("![image](image_0.wmf)![a map](media/x.png)") == "a map"
