"""Every error that `knowledge` raises on purpose.

    KnowledgeError                      exit code 1
    ├── UsageError                      2   a flag, a setting or an argument is wrong
    │   ├── UntrustedEndpointError      2   a key would go to an endpoint the folder named
    │   ├── UntrustedModelError         2   a dataset's model is code or files nobody named here
    │   ├── VectorsElsewhereError       2   a dataset's vectors are not where the setting says
    │   ├── NoChatModelError            2   a chat model is needed, but none is set
    │   └── FlowsFileError              2   a flows file is wrong
    ├── NotFoundError                   3
    │   ├── DatasetNotFoundError        3
    │   ├── FileNotInDatasetError       3
    │   └── PathNotFoundError           3
    ├── DatasetExistsError              1
    ├── OutputExistsError               1
    ├── DocumentError                   1   one document cannot be read
    │   ├── UnsupportedDocumentError    1
    │   └── EmptyDocumentError          1
    ├── FetchError                      1   a page or a repository cannot be fetched
    │   └── PrivateHostError            1
    ├── SomeFilesFailedError            4
    ├── RemoteError                     5   an embedding provider, a chat model or a reranker failed
    │   ├── RemoteAuthError             5
    │   ├── RemoteQuotaError            5
    │   ├── RemoteInputTooLongError     5
    │   ├── RemoteBatchTooLargeError    5
    │   ├── RemoteUnavailableError      5   worth another try: 5xx, time-out, broken connection
    │   │   └── RemoteRateLimitError    5   429: too many requests or tokens a minute
    │   └── RemoteResponseError         5   it answered, but not with what was asked for
    ├── ServerError                     5   a server of ours can't be reached, or failed
    ├── VectorServerError               5   what keeps the vectors can't be reached, or failed
    ├── StoreServerError                5   the database that keeps all can't be reached
    ├── LockedError                     6
    ├── DamagedStoreError               7
    │   ├── NewerStoreError             7
    │   └── DamagedArchiveError         7   an export that is incomplete or was tampered with
    │       └── NewerArchiveError       7
    └── ModelMismatchError              8

Each carries a stable ``code`` (kebab-case), a ``message`` that says what happened and to what,
and a ``hint`` that says what to do. Both name fields of requests, settings and arguments in
backquotes, such as `top_k`; a face may spell them its own way, as the command line does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Self

from knowledge.text.wording import shortened

_LONGEST = 4_000
"""Maximum characters of a message, which may quote a file or a server."""


class KnowledgeError(Exception):
    """Base of all errors that a user can act on.

    Parameters
    ----------
    message:
        One sentence: what happened, to which file, dataset or flag.
    hint:
        What to do about it; may be empty.
    """

    code: str = "failed"
    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = shortened(message, _LONGEST)
        self.hint = self.default_hint if hint is None else hint

    def __str__(self) -> str:
        return self.message

    @property
    def in_full(self) -> str:
        """The message, and the hint where there is one."""
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(KnowledgeError):
    """A flag, a setting or an argument is wrong."""

    code = "usage"
    exit_code = 2


class UntrustedEndpointError(UsageError):
    """A key from a trusted place would go to an endpoint that the working directory named."""

    code = "untrusted-endpoint"
    default_hint = (
        "If you trust this folder, run `knowledge trust`, or set KNOW_TRUST_PROJECT=1 once."
    )


class UntrustedModelError(UsageError):
    """A dataset's model refers to code or files that the user did not name."""

    code = "untrusted-model"


class VectorsElsewhereError(UsageError):
    """A dataset's vectors lie elsewhere than `vectors` says."""

    code = "vectors-elsewhere"
    default_hint = (
        "Set KNOW_VECTORS to where they are; or `knowledge doctor --fix` rebuilds them where it "
        "says now, from the cache or the stored texts."
    )


class NoChatModelError(UsageError):
    """A command or a step of a flow needs a chat model, but none is set."""

    code = "no-chat-model"
    default_hint = (
        "Set OPENAI_MODEL or KNOW_CHAT_MODEL to a chat model of OPENAI_BASE_URL, or of "
        "KNOW_CHAT_BASE_URL, such as http://localhost:11434/v1."
    )


class FlowsFileError(UsageError):
    """A flows file is invalid."""

    code = "flows-file"
    default_hint = "`knowledge flows validate` lists all errors."


class NotFoundError(KnowledgeError):
    """Something that was named does not exist."""

    code = "not-found"
    exit_code = 3


class DatasetNotFoundError(NotFoundError):
    """No dataset has this name."""

    code = "dataset-not-found"
    default_hint = "`knowledge list-datasets` lists the datasets."


class FileNotInDatasetError(NotFoundError):
    """The dataset holds no such file."""

    code = "file-not-found"
    default_hint = "`knowledge list-files` shows the files of a dataset."


class PathNotFoundError(NotFoundError):
    """A path that was given to ingest does not exist."""

    code = "path-not-found"
    default_hint = "Check the spelling; relative paths start at the working directory."


class DatasetExistsError(KnowledgeError):
    """A dataset of this name exists already."""

    code = "dataset-exists"
    default_hint = "Choose another name, or delete it with `knowledge delete-dataset`."


class OutputExistsError(KnowledgeError):
    """A file that a command would write exists already."""

    code = "file-exists"
    default_hint = "`overwrite` replaces it."


class DocumentError(KnowledgeError):
    """One document cannot be read."""

    code = "document-failed"


class UnsupportedDocumentError(DocumentError):
    """No loader supports this kind of file."""

    code = "document-unsupported"


class EmptyDocumentError(DocumentError):
    """The file contains no text."""

    code = "document-empty"


class FetchError(KnowledgeError):
    """A page or a repository cannot be fetched."""

    code = "fetch-failed"


class PrivateHostError(FetchError):
    """A URL leads to a host of a private network."""

    code = "private-host"
    default_hint = (
        "If this is intended, use `allow_private_hosts` or set KNOW_ALLOW_PRIVATE_HOSTS=1."
    )


class SomeFilesFailedError(KnowledgeError):
    """Some files of a run failed; the others were ingested."""

    code = "some-files-failed"
    exit_code = 4


class Service(StrEnum):
    """What failed, as messages name it."""

    EMBEDDING = "embedding provider"
    CHAT = "chat model"
    RERANK = "reranker"


class RemoteError(KnowledgeError):
    """An embedding provider, a chat model or a reranker failed; ``service`` says which.

    A model that runs in this process fails in the same ways, and with the same errors. The codes of
    a chat model are its own; a reranker, which mostly has the address and the key of an embedding
    provider, has that provider's codes.

    Parameters
    ----------
    lasting:
        True when every other request would fail alike, such as for a model that is not there.
        Any other failure may be that of one text, and its batch is divided.
    """

    code = "embedding-failed"
    chat_code: ClassVar[str] = "chat-failed"
    exit_code = 5
    service = Service.EMBEDDING
    lasting = False
    text: str | None = None
    """The text that failed alone, where others may pass."""
    status: int | None = None
    """The HTTP status of a refusal."""
    said: str = ""
    """What a refusal said, as it came: it may repeat a secret, and is never shown."""

    def __init__(
        self, message: str, *, hint: str | None = None, lasting: bool | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        if lasting is not None:
            self.lasting = lasting

    def of(self, service: Service) -> Self:
        """Say which service failed, and return the error itself."""
        self.service = service
        self.code = self.chat_code if service is Service.CHAT else type(self).code
        return self

    @property
    def of_one_text(self) -> bool:
        """True when a text failed alone, and others may pass."""
        return self.text is not None


class RemoteAuthError(RemoteError):
    """The service refused the key, or there is none."""

    code = "embedding-auth"
    chat_code = "chat-auth"
    lasting = True


class RemoteQuotaError(RemoteError):
    """The account's quota is exhausted."""

    code = "embedding-quota"
    chat_code = "chat-quota"
    lasting = True


class RemoteInputTooLongError(RemoteError):
    """One text, or the messages of a chat, are longer than the model takes."""

    code = "embedding-input-too-long"
    chat_code = "chat-input-too-long"


class RemoteBatchTooLargeError(RemoteError):
    """One request held more texts, tokens or bytes than the server takes."""

    code = "embedding-batch-too-large"


class RemoteUnavailableError(RemoteError):
    """A failure that may pass: rate limit, server error, time-out, broken connection.

    Parameters
    ----------
    retry_after:
        Seconds the server asked to wait, or ``None``.
    unreachable:
        True when there was no connection at all: no address, nobody listens, no TLS.
    """

    code = "embedding-unavailable"
    chat_code = "chat-unavailable"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry_after: float | None = None,
        unreachable: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, lasting=True if unreachable else None)
        self.retry_after = retry_after
        self.unreachable = unreachable


class RemoteRateLimitError(RemoteUnavailableError):
    """The service takes no more for the moment; the pool sends fewer requests at a time."""

    code = "embedding-rate-limit"
    lasting = True


class RemoteResponseError(RemoteError):
    """The service answered, but not with what was asked for, such as a vector for each text."""

    code = "embedding-response"
    chat_code = "chat-response"


class ServerError(KnowledgeError):
    """The server that `server` names can't be reached, or failed."""

    code = "server-failed"
    exit_code = 5


class VectorServerError(KnowledgeError):
    """The server that keeps the vectors can't be reached, or failed.

    Parameters
    ----------
    status:
        The HTTP status of its refusal; ``None`` where it gave none.
    """

    code = "vector-server"
    exit_code = 5
    default_hint = "KNOW_VECTORS says where it is; see that it runs, and try again."

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class StoreServerError(KnowledgeError):
    """The database that `store` names can't be reached, or the connection was lost."""

    code = "store-server"
    exit_code = 5
    default_hint = "KNOW_STORE says where it is; see that it runs, and try again."


class LockedError(KnowledgeError):
    """Another process is writing to the dataset."""

    code = "locked"
    exit_code = 6
    default_hint = "Wait for it to end, or raise `lock_timeout`."


class DamagedStoreError(KnowledgeError):
    """The data folder holds something that cannot be read."""

    code = "store-damaged"
    exit_code = 7


class NewerStoreError(DamagedStoreError):
    """The data folder was written by a newer version."""

    code = "store-newer"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=_upgrade() if hint is None else hint)


class DamagedArchiveError(DamagedStoreError):
    """An archive of datasets is incomplete, or differs from what was exported."""

    code = "archive-damaged"
    default_hint = "Nothing was imported. Get the file again from where it was exported."


class NewerArchiveError(DamagedArchiveError):
    """The archive was written by a newer version."""

    code = "archive-newer"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=_upgrade() if hint is None else hint)


class ModelMismatchError(KnowledgeError):
    """A dataset was embedded with another model than the one asked for."""

    code = "model-mismatch"
    exit_code = 8


def _upgrade() -> str:
    from knowledge.extras import upgrade_command  # its imports take longer than this module

    return f"Upgrade: {upgrade_command()}"


def is_fault_of_code(error: BaseException) -> bool:
    """Tell a library's failure from an interrupt: a panic in Rust is no `Exception` either."""
    return isinstance(error, Exception | SystemExit) or type(error).__name__ == "PanicException"
