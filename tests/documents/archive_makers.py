"""Archives, made on the spot."""

import io
import tarfile
import zipfile

from knowledge.documents.loading import load
from knowledge.documents.options import LoadOptions


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    """A ZIP archive; ``files`` is a mapping, or pairs of names (or ZipInfo) and contents."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", compression) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content, compress_type=compression)
    return output.getvalue()


def tarred(files, mode="w", **options):
    """A TAR archive; a content may be a TarInfo, for links and devices."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode=mode, **options) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return output.getvalue()


def tar_info(name, kind, link=""):
    """A member of a TAR archive that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def read(data, name, **options):
    """Load a container."""
    return load(data, name, LoadOptions(**options))


def texts(loaded):
    """Texts by member path."""
    found = {document.member: document.text for document in loaded.documents}
    assert len(found) == len(loaded.documents)
    return found


def problems(loaded):
    """(status, reason) by member path."""
    return {problem.file: (problem.status, problem.reason) for problem in loaded.problems}
