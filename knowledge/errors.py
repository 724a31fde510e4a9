"""Every error that `knowledge` raises on purpose.

    KnowledgeError                      exit code 1
    ├── UsageError                      2   a flag, a setting or an argument is wrong
    │   ├── UntrustedEndpointError      2   a key would go to an endpoint the folder named
    │   ├── UntrustedModelError         2   a dataset names code or files, and nobody here did
    │   ├── NoChatModelError            2   a chat model is needed, and none is set
    │   └── FlowsFileError              2   a flows file is wrong
    ├── NotFoundError                   3
    │   ├── DatasetNotFoundError        3
    │   ├── FileNotInDatasetError       3
    │   └── PathNotFoundError           3
    ├── DatasetExistsError              1
    ├── DocumentError                   1   one document can't be read
    │   ├── UnsupportedDocumentError    1
    │   └── EmptyDocumentError          1
    ├── FetchError                      1   a page or a repository can't be fetched
    │   └── PrivateHostError            1
    ├── SomeFilesFailedError            4
    ├── EmbeddingError                  5   the embedding provider failed
    │   ├── EmbeddingAuthError          5
    │   ├── EmbeddingQuotaError         5
    │   ├── EmbeddingInputTooLongError  5
    │   ├── EmbeddingBatchTooLargeError 5
    │   ├── TransientEmbeddingError     5   worth another try: 5xx, time-out, broken connection
    │   │   └── EmbeddingRateLimitError 5   429: too many requests or tokens a minute
    │   └── EmbeddingResponseError      5   it answered, but not with usable vectors
    ├── ChatError                       5   the chat model failed
    │   ├── ChatAuthError               5
    │   ├── ChatQuotaError              5
    │   ├── ChatInputTooLongError       5
    │   ├── ChatUnavailableError        5   rate limit, 5xx, time-out, after all further tries
    │   └── ChatResponseError           5   it answered, but not with what was asked for
    ├── LockedError                     6
    ├── DamagedStoreError               7
    │   ├── NewerStoreError             7
    │   └── DamagedArchiveError         7   an export that is not whole, or was tampered with
    │       └── NewerArchiveError       7
    └── ModelMismatchError              8

Each carries a stable ``code`` (kebab-case), a ``message`` that says what happened and to what,
and a ``hint`` that says what to do. Both name fields of requests, settings and arguments in
backquotes, such as `top_k`; a face may spell them its own way, as the command line does.
"""

from __future__ import annotations

from typing import ClassVar

from knowledge.text.wording import shortened

_LONGEST = 4_000
"""Characters of a message, whatever a file or a server made it repeat."""


class KnowledgeError(Exception):
    """Base of all errors that a user can act on.

    Parameters
    ----------
    message:
        One sentence: what happened, to which file, dataset or flag.
    hint:
        What to do about it; may be empty.
    """

    code: ClassVar[str] = "failed"
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
    """A dataset's model stands for code or files, and the user named neither."""

    code = "untrusted-model"


class NoChatModelError(UsageError):
    """A command or a step of a flow needs a chat model, and none is set."""

    code = "no-chat-model"
    default_hint = (
        "Set OPENAI_MODEL or KNOW_CHAT_MODEL to a chat model of OPENAI_BASE_URL, or of "
        "KNOW_CHAT_BASE_URL, such as http://localhost:11434/v1."
    )


class FlowsFileError(UsageError):
    """A flows file holds what no flow can have."""

    code = "flows-file"
    default_hint = "`knowledge flows validate` lists all that is wrong."


class NotFoundError(KnowledgeError):
    """Something that was named does not exist."""

    code = "not-found"
    exit_code = 3


class DatasetNotFoundError(NotFoundError):
    """No dataset has this name."""

    code = "dataset-not-found"
    default_hint = "`knowledge list-datasets` shows what there is."


class FileNotInDatasetError(NotFoundError):
    """The dataset holds no such file."""

    code = "file-not-found"
    default_hint = "`knowledge list-files` shows the files of a dataset."


class PathNotFoundError(NotFoundError):
    """A path that was given to ingest does not exist."""

    code = "path-not-found"
    default_hint = "Check the spelling; a relative path starts at the working directory."


class DatasetExistsError(KnowledgeError):
    """A dataset of this name exists already."""

    code = "dataset-exists"
    default_hint = "Choose another name, or delete it with `knowledge delete-dataset`."


class DocumentError(KnowledgeError):
    """One document can't be read."""

    code = "document-failed"


class UnsupportedDocumentError(DocumentError):
    """No loader knows this kind of file."""

    code = "document-unsupported"


class EmptyDocumentError(DocumentError):
    """The file holds no text."""

    code = "document-empty"


class FetchError(KnowledgeError):
    """A page or a repository can't be fetched."""

    code = "fetch-failed"


class PrivateHostError(FetchError):
    """A URL leads to a host of a private network."""

    code = "private-host"
    default_hint = "If you mean it, add --allow-private-hosts or set KNOW_ALLOW_PRIVATE_HOSTS=1."


class SomeFilesFailedError(KnowledgeError):
    """Some files of a run failed; the others were ingested."""

    code = "some-files-failed"
    exit_code = 4


class EmbeddingError(KnowledgeError):
    """The embedding provider failed.

    Parameters
    ----------
    lasting:
        True when every other request would fail alike, such as for a model that is not there.
        Any other failure may be that of one text, and its batch is divided.
    """

    code = "embedding-failed"
    exit_code = 5
    lasting = False
    text: str | None = None
    """The text that failed alone, where others may pass."""

    def __init__(
        self, message: str, *, hint: str | None = None, lasting: bool | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        if lasting is not None:
            self.lasting = lasting

    @property
    def of_one_text(self) -> bool:
        """True when a text failed alone, and others may pass."""
        return self.text is not None


class EmbeddingAuthError(EmbeddingError):
    """The provider refused the key."""

    code = "embedding-auth"
    lasting = True


class EmbeddingQuotaError(EmbeddingError):
    """The account's quota is exhausted."""

    code = "embedding-quota"
    lasting = True


class EmbeddingInputTooLongError(EmbeddingError):
    """One text is longer than the model takes."""

    code = "embedding-input-too-long"


class EmbeddingBatchTooLargeError(EmbeddingError):
    """One request held more texts, tokens or bytes than the server takes."""

    code = "embedding-batch-too-large"


class TransientEmbeddingError(EmbeddingError):
    """A failure that may pass: rate limit, server error, time-out, broken connection.

    Parameters
    ----------
    retry_after:
        Seconds the server asked to wait, or ``None``.
    unreachable:
        True when there was no connection at all: no address, nobody listens, no TLS.
    """

    code = "embedding-unavailable"

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


class EmbeddingRateLimitError(TransientEmbeddingError):
    """The provider takes no more for the moment; the pool sends fewer requests at a time."""

    code = "embedding-rate-limit"
    lasting = True


class EmbeddingResponseError(EmbeddingError):
    """The provider answered with something other than one usable vector for each text."""

    code = "embedding-response"


class ChatError(KnowledgeError):
    """The chat model failed."""

    code = "chat-failed"
    exit_code = 5


class ChatAuthError(ChatError):
    """The chat model's server refused the key."""

    code = "chat-auth"


class ChatQuotaError(ChatError):
    """The account's quota is exhausted."""

    code = "chat-quota"


class ChatInputTooLongError(ChatError):
    """The messages are longer than the chat model takes."""

    code = "chat-input-too-long"


class ChatUnavailableError(ChatError):
    """A failure that may pass, and did not through all further tries."""

    code = "chat-unavailable"


class ChatResponseError(ChatError):
    """The chat model answered, but not with what was asked for."""

    code = "chat-response"


class LockedError(KnowledgeError):
    """Another process is writing to the dataset."""

    code = "locked"
    exit_code = 6
    default_hint = "Wait for it to end, or raise `lock_timeout`."


class DamagedStoreError(KnowledgeError):
    """The data folder holds something that can't be read."""

    code = "store-damaged"
    exit_code = 7


class NewerStoreError(DamagedStoreError):
    """The data folder was written by a newer version."""

    code = "store-newer"
    default_hint = "Upgrade: pip install --upgrade knowledge"


class DamagedArchiveError(DamagedStoreError):
    """An archive of datasets is not whole, or is not what was exported."""

    code = "archive-damaged"
    default_hint = "Nothing was imported. Get the file again from where it was exported."


class NewerArchiveError(DamagedArchiveError):
    """The archive was written by a newer version."""

    code = "archive-newer"
    default_hint = "Upgrade: pip install --upgrade knowledge"


class ModelMismatchError(KnowledgeError):
    """A dataset was embedded with another model than the one asked for."""

    code = "model-mismatch"
    exit_code = 8
