"""The knowledge base: verbs, and groups of what else there is to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge import requests
from knowledge.knowledge_base.checked import checked
from knowledge.knowledge_base.texts import Texts
from knowledge.requests.searching import PASSAGE_TOKENS

if TYPE_CHECKING:
    from knowledge.answering.answer import Answer, Listener
    from knowledge.evaluation.evaluation import Evaluation, Progress
    from knowledge.ingestion.request import FileListener, ProgressListener
    from knowledge.ingestion.run.reembedding import CountListener
    from knowledge.ingestion.watch.events import WatchEvent
    from knowledge.model import Hit, IngestReport, ReembedReport
    from knowledge.requests import (
        AskRequest,
        IngestRequest,
        InlineText,
        SearchRequest,
        SimilarRequest,
        StrPath,
        WatchRequest,
    )
    from knowledge.retrieval.result import Retrieved

MAX_K = 1_000
KS = (1, 5, 10)


class KnowledgeBase(Texts):
    """All datasets of one data folder; a context manager.

    A verb takes plain arguments, or a request that is put together already; what is ``None``
    comes from the settings. Readers need no lock and see the last published state. Verbs that
    write take the lock of the dataset they write to. One object is for one thread at a time.

    Parameters
    ----------
    settings:
        As :meth:`Settings.read` gives them; :meth:`open` is the easier way.
    notify:
        Called with what is worth a line while a verb works.

    Attributes
    ----------
    datasets, files, models, sharing, upkeep, flows:
        Groups of methods.
    """

    @checked
    def ingest(
        self,
        paths: StrPath | Sequence[StrPath] | IngestRequest = (),
        dataset: str | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        recursive: bool | None = None,
        create: bool | None = None,
        ignore_file: StrPath | None = None,
        ignore_extensions: str | Sequence[str] | None = None,
        include_hidden: bool | None = None,
        include_generated: bool | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        gitignore: bool | None = None,
        follow_links: bool | None = None,
        err_on_unsupported: bool | None = None,
        passwords: Sequence[str] = (),
        inline: Sequence[InlineText] = (),
        prune: bool | None = None,
        force: bool = False,
        dry_run: bool = False,
        progress: ProgressListener | None = None,
        on_file: FileListener | None = None,
    ) -> IngestReport:
        """Bring a dataset in step with files, folders, pages, Git repositories and object storages.

        Parameters
        ----------
        paths:
            One path or URL, or several; or a whole request.
        dataset:
            Its name; default the one of the settings.
        metadata:
            Kept with every file.
        recursive:
            Take sub-folders too.
        create:
            Make the dataset when there is none.
        ignore_file, ignore_extensions, include_hidden, include_generated, include, exclude,
        gitignore, follow_links:
            Which files of folders are taken.
        err_on_unsupported:
            Count unsupported files as failed; by default where one file alone is named.
        passwords:
            Tried on protected files.
        inline:
            Documents that are not files.
        prune:
            Remove from the dataset what is gone from the folders.
        force:
            Read, cut and store every file again.
        dry_run:
            Report what would be done; write and send nothing.
        progress, on_file:
            Called with how far the run is, and with each file and its status, from several
            threads.

        Returns
        -------
        IngestReport
            Failed files are in it; they raise nothing.

        Raises
        ------
        KnowledgeError
            What ended the whole run: a path that does not exist, another model, a lock, the
            provider.
        """
        request = requests.IngestRequest.of(paths, locals())
        from knowledge.knowledge_base.ingesting import ingest

        return ingest(self._shared, self.flows, request, progress, on_file)

    @checked
    def watch(
        self,
        paths: StrPath | Sequence[StrPath] | WatchRequest = (),
        dataset: str | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        recursive: bool | None = None,
        create: bool | None = None,
        ignore_file: StrPath | None = None,
        ignore_extensions: str | Sequence[str] | None = None,
        include_hidden: bool | None = None,
        include_generated: bool | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        gitignore: bool | None = None,
        follow_links: bool | None = None,
        err_on_unsupported: bool | None = None,
        passwords: Sequence[str] = (),
        once: bool = False,
        every: float | None = None,
        progress: ProgressListener | None = None,
    ) -> Iterator[WatchEvent]:
        """Bring a dataset in step, then take in each change as it happens.

        What is deleted below the folders is removed from the dataset. It goes on until the
        iterator is closed or its loop is left.

        Parameters
        ----------
        once:
            Look at everything once, then end.
        every:
            Look at everything this often, in seconds, instead of waiting for the operating
            system to report changes.

        The others are as for :meth:`ingest`.

        Yields
        ------
        WatchEvent
            A burst of changes with its report; a failure, and when it is tried again; a path that
            vanished or returned.

        Raises
        ------
        KnowledgeError
            At the start whatever ends an ingest, unless it passes; later that the dataset was
            deleted, is damaged, or has another model.
        """
        request = requests.WatchRequest.of(paths, locals())
        from knowledge.knowledge_base.ingesting import watch

        return watch(self._shared, self.flows, request, progress)

    @checked
    def retrieve(
        self,
        query: str | SearchRequest,
        datasets: str | Sequence[str] | None = None,
        top_k: int | None = None,
        *,
        queries: str | Sequence[str] = (),
        offset: int = 0,
        mode: str | None = None,
        weight: float | None = None,
        file_weight: float | None = None,
        sparse_weight: float | None = None,
        fusion: str | None = None,
        candidates: int | None = None,
        fallback: str | None = None,
        threshold: float | None = None,
        min_relevance: float | None = None,
        keywords: Sequence[str] | None = None,
        where: Mapping[str, Any] | str | Sequence[str] | None = None,
        files: str | Sequence[str] = (),
        since: str | None = None,
        until: str | None = None,
        rerank: str | None = None,
        rerank_depth: int | None = None,
        mmr: float | None = None,
        max_per_file: int | None = None,
        fold: bool = True,
        context: int = 0,
        merge: bool = False,
        max_tokens: int | None = None,
    ) -> Retrieved:
        """Return the passages that fit a question best, best first; none is an empty result.

        Parameters
        ----------
        query:
            The question, or a whole request.
        datasets:
            Name or names; hits of all are ranked together.
        top_k:
            Most hits, from 1 to 10,000.
        queries:
            More questions; what is near the mean of all is found, and the words of all count.
        offset:
            How many of the best hits to leave out.
        mode:
            ``dense`` (cosine), ``keyword`` (BM25), ``hybrid`` (both) or ``auto``.
        weight:
            The dense side's share in hybrid, from 0 to 1.
        file_weight:
            Weight of the whole file in hybrid's keyword score, from 0 to 1.
        sparse_weight:
            Weight of a dataset's sparse model in hybrid, beside 1 for the other sides together.
        fusion:
            How hybrid makes one order of two: ``weighted`` or ``rrf``.
        candidates:
            How many chunks the steps that reorder hits choose from.
        fallback:
            ``keyword``: answer by keyword search alone where mode ``auto`` can't embed the
            question; ``none`` raises.
        threshold:
            Least cosine similarity, in [-1, 1].
        min_relevance:
            Least relevance, from 0 to 1.
        keywords:
            A chunk must hold one of these, and none of those that begin with ``-``.
        where:
            Names with the values they must have, or a condition such as
            ``"year >= 2020 and team = support"``, or several that must all hold.
        files:
            Globs of which the file must match one.
        since, until:
            Limits of the file's time of modification: ISO dates, or ages such as ``7d``.
        rerank:
            A reranker, such as ``bm25``, ``minilm`` or ``cross-encoder:MODEL``; empty is none.
        rerank_depth:
            How many of the best hits are reranked; default all candidates, 20 with ``minilm``.
        mmr:
            Weight of relevance against novelty, from 0 to 1.
        max_per_file:
            Most hits of one file.
        fold:
            Show near duplicates as one hit that lists its other places.
        context:
            Neighbouring chunks shown before and after each hit.
        merge:
            Join hits that touch or overlap into one passage.
        max_tokens:
            Most tokens of all texts together.

        Raises
        ------
        UsageError
            An argument does not fit; the message names it.
        DatasetNotFoundError
            A dataset does not exist.
        RemoteError
            The provider failed.
        """
        request = requests.SearchRequest.of(query, locals())
        from knowledge.knowledge_base.searching import search

        return search(self._shared, self.flows, request)

    @checked
    def similar(
        self,
        target: str | SimilarRequest,
        dataset: str | None = None,
        top_k: int | None = None,
        *,
        threshold: float | None = None,
        keywords: Sequence[str] | None = None,
        where: Mapping[str, Any] | str | Sequence[str] | None = None,
        files: str | Sequence[str] = (),
        since: str | None = None,
        until: str | None = None,
        max_per_file: int | None = None,
        fold: bool = True,
    ) -> Retrieved:
        """Return the passages most like a file or a chunk, by stored vectors; nothing is embedded.

        Parameters
        ----------
        target:
            A file, by id, path or the end of its path, which stands for the mean of its chunks; or
            a chunk, by its id or the first 8 or more characters of it.

        The others are as for :meth:`retrieve`.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file or chunk.
        UsageError
            Several files have this name.
        """
        request = requests.SimilarRequest.of(target, locals())
        from knowledge.knowledge_base.searching import similar

        return similar(self._shared, request)

    @checked
    def ask(
        self,
        query: str | AskRequest,
        datasets: str | Sequence[str] | None = None,
        top_k: int | None = None,
        *,
        queries: str | Sequence[str] = (),
        offset: int = 0,
        mode: str | None = None,
        weight: float | None = None,
        file_weight: float | None = None,
        sparse_weight: float | None = None,
        fusion: str | None = None,
        candidates: int | None = None,
        fallback: str | None = None,
        threshold: float | None = None,
        min_relevance: float | None = None,
        keywords: Sequence[str] | None = None,
        where: Mapping[str, Any] | str | Sequence[str] | None = None,
        files: str | Sequence[str] = (),
        since: str | None = None,
        until: str | None = None,
        rerank: str | None = None,
        rerank_depth: int | None = None,
        mmr: float | None = None,
        max_per_file: int | None = None,
        fold: bool = True,
        context: int = 0,
        merge: bool = False,
        max_tokens: int | None = PASSAGE_TOKENS,
        chat_model: str | None = None,
        listen: Listener | None = None,
    ) -> Answer:
        """Have a chat model answer a question from retrieved passages alone.

        Parameters
        ----------
        max_tokens:
            Most tokens of all passages together that the chat model is given.
        chat_model:
            Its name.
        listen:
            Called with each piece of the answer as it comes.

        The others are as for :meth:`retrieve`.

        Raises
        ------
        NoChatModelError
            No chat model is set.
        RemoteError
            The chat model failed.
        KnowledgeError
            As for :meth:`retrieve`.
        """
        request = requests.AskRequest.of(query, locals())
        from knowledge.knowledge_base.searching import ask

        return ask(self._shared, self.flows, request, listen)

    @checked
    def ask_folder(
        self,
        query: str | SearchRequest,
        path: StrPath = ".",
        top_k: int | None = None,
        *,
        sources: IngestRequest | None = None,
        progress: ProgressListener | None = None,
    ) -> tuple[IngestReport, Retrieved]:
        """Bring a folder's own dataset in step with it, then retrieve from it.

        Parameters
        ----------
        query:
            The question, or a whole request, of which the datasets do not count.
        path:
            The folder, or a URL.
        sources:
            How it is ingested; its paths and dataset do not count. By default what is gone from
            the folder is removed from the dataset.

        Raises
        ------
        UsageError
            ``path`` is no folder.
        KnowledgeError
            As :meth:`ingest` and :meth:`retrieve`.
        """
        from dataclasses import replace

        from knowledge.knowledge_base.searching import folder_dataset, folder_source
        from knowledge.retrieval.query import Query

        source = folder_source(path)
        name = folder_dataset(source)
        asked = replace(requests.SearchRequest.of(query, {"top_k": top_k}), datasets=name)
        Query.of_request(asked, self.settings)  # what does not fit is reported first
        ingesting = replace(
            sources or requests.IngestRequest(prune=True),
            paths=(source,),
            dataset=name,
            create=True,
        )
        return self.ingest(ingesting, progress=progress), self.retrieve(asked)

    @checked
    def show_chunk(
        self, chunk: str, dataset: str | None = None, *, before: int = 0, after: int = 0
    ) -> Hit:
        """Return a chunk as a hit without a score, with neighbours before and after it.

        Parameters
        ----------
        chunk:
            Its id, or the first 8 or more characters of it.
        dataset:
            Where to look; ``None`` is all datasets.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            No chunk has this id, or several begin so.
        """
        from knowledge.retrieval.search.showing import show_chunk

        with self._shared.existing(dataset or "default") as catalog:
            return show_chunk(
                catalog, dataset, chunk, before=before, after=after, saw=self._shared.saw
            )

    @checked
    def evaluate(
        self,
        dataset: str,
        queries: StrPath,
        *,
        qrels: StrPath | None = None,
        ways: Sequence[Mapping[str, Any]] = ({},),
        k: Sequence[int] = KS,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Evaluation:
        """Measure how well a dataset answers questions, and compare ways to retrieve.

        Parameters
        ----------
        queries, qrels:
            Files, as :func:`knowledge.evaluation.questions.read_questions` takes them.
        ways:
            Options of :meth:`retrieve`, one mapping for each way; ``dataset`` may be another one.
        k:
            How many places of a ranking count.
        seed:
            Of the significance test.
        progress:
            Called with the questions done, and all of them.

        Raises
        ------
        UsageError
            A file or an option is not what it should be, or no judged document is in the dataset.
        PathNotFoundError
            A file does not exist.
        DatasetNotFoundError
            There is no such dataset.
        """
        from knowledge.errors import UsageError
        from knowledge.evaluation.evaluation import evaluate
        from knowledge.evaluation.questions import read_questions
        from knowledge.knowledge_base.searching import check_judged, way

        if not k or not all(1 <= one <= MAX_K for one in k):
            raise UsageError(f"`k` takes numbers from 1 to {MAX_K}")
        questions = read_questions(Path(queries), None if qrels is None else Path(qrels))
        asked = [way(self._shared, self.flows, dataset, options) for options in ways]
        check_judged(questions, asked, queries)
        return evaluate(asked, questions, sorted(set(k)), seed=seed, progress=progress)

    @checked
    def reembed(
        self,
        dataset: str | None = None,
        *,
        force: bool = False,
        progress: CountListener | None = None,
    ) -> ReembedReport:
        """Embed a dataset's stored texts again, with the model that the settings ask for.

        Readers see the old vectors until all new ones are there.

        Parameters
        ----------
        force:
            Do it even where the dataset has that model already.
        progress:
            Called with how many chunks of how many are done.

        Raises
        ------
        KnowledgeError
            What ended the run: no such dataset, no model named, a lock, the provider. Nothing
            was changed then; what was paid for is in the embedding cache.
        """
        from knowledge.ingestion.run.reembedding import reembed

        shared, name = self._shared, self._shared.dataset(dataset)
        with shared.existing(name):
            return reembed(
                shared.store,
                name,
                self.settings,
                force=force,
                notify=shared.notify,
                progress=progress,
            )
