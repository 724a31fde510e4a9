"""The table of commands: where each is, so that only the one that is called is loaded."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One row of the table of commands.

    Parameters
    ----------
    target:
        ``module:function``, or ``module:app`` for a group of commands.
    panel:
        The heading it stands under in the help.
    help:
        Its first sentence, as the function's docstring has it.
    """

    name: str
    target: str
    panel: str
    help: str


COMMANDS: tuple[Entry, ...] = (
    Entry(
        "ingest",
        "knowledge.cli.commands.documents.ingest:ingest",
        "Documents",
        "Bring a dataset up to date with files and folders.",
    ),
    Entry(
        "watch",
        "knowledge.cli.commands.documents.watch:watch",
        "Documents",
        "Keep a dataset up to date: ingest each change of its files as it happens.",
    ),
    Entry(
        "load",
        "knowledge.cli.commands.documents.load:load",
        "Documents",
        "Print or write the text of one document, as ingest would read it.",
    ),
    Entry(
        "retrieve",
        "knowledge.cli.commands.questions.retrieve:retrieve",
        "Questions",
        "Print the passages that answer a question, best first, each with its citation.",
    ),
    Entry(
        "ask",
        "knowledge.cli.commands.questions.ask:ask",
        "Questions",
        "Answer a question in words, from your documents alone, with numbered sources.",
    ),
    Entry(
        "askdir",
        "knowledge.cli.commands.questions.askdir:askdir",
        "Questions",
        "Ask a folder: ingest what changed into a dataset of its own, then retrieve.",
    ),
    Entry(
        "similar",
        "knowledge.cli.commands.questions.show:similar",
        "Questions",
        "Print the passages most similar to a file or a chunk.",
    ),
    Entry(
        "show",
        "knowledge.cli.commands.questions.show:show",
        "Questions",
        "Print a chunk, optionally with its neighbours.",
    ),
    Entry(
        "open",
        "knowledge.cli.commands.questions.open_hit:open_hit",
        "Questions",
        "Open the document of one of the last hits, at its place.",
    ),
    Entry(
        "eval",
        "knowledge.cli.commands.questions.evaluate:evaluate",
        "Questions",
        "Measure how well a dataset answers questions whose answers are known.",
    ),
    Entry(
        "list-datasets",
        "knowledge.cli.commands.datasets.datasets:list_datasets",
        "Datasets",
        "List the datasets.",
    ),
    Entry(
        "get-dataset",
        "knowledge.cli.commands.datasets.datasets:get_dataset",
        "Datasets",
        "Show a dataset and its files.",
    ),
    Entry(
        "create-dataset",
        "knowledge.cli.commands.datasets.datasets:create_dataset",
        "Datasets",
        "Create an empty dataset; the first ingest chooses its embedder.",
    ),
    Entry(
        "edit-dataset",
        "knowledge.cli.commands.datasets.datasets:edit_dataset",
        "Datasets",
        "Change a dataset's metadata.",
    ),
    Entry(
        "rename-dataset",
        "knowledge.cli.commands.datasets.datasets:rename_dataset",
        "Datasets",
        "Give a dataset another name.",
    ),
    Entry(
        "copy-dataset",
        "knowledge.cli.commands.datasets.datasets:copy_dataset",
        "Datasets",
        "Copy a dataset under another name, or into another store; nothing is embedded again.",
    ),
    Entry(
        "merge-datasets",
        "knowledge.cli.commands.datasets.datasets:merge_datasets",
        "Datasets",
        "Merge datasets with the same model into one; nothing is embedded again.",
    ),
    Entry(
        "delete-dataset",
        "knowledge.cli.commands.datasets.datasets:delete_dataset",
        "Datasets",
        "Delete a dataset and its contents; the documents themselves stay.",
    ),
    Entry(
        "list-files",
        "knowledge.cli.commands.documents.files:list_files",
        "Files",
        "List the files of a dataset.",
    ),
    Entry(
        "list-chunks",
        "knowledge.cli.commands.questions.list_chunks:list_chunks",
        "Files",
        "List the chunks of a dataset, with filters, in the order of their files, page by page.",
    ),
    Entry(
        "get-file",
        "knowledge.cli.commands.documents.files:get_file",
        "Files",
        "Show a file that a dataset holds.",
    ),
    Entry(
        "edit-file",
        "knowledge.cli.commands.documents.files:edit_file",
        "Files",
        "Change the metadata of a file; nothing is embedded again.",
    ),
    Entry(
        "delete-file",
        "knowledge.cli.commands.documents.files:delete_file",
        "Files",
        "Remove a file from a dataset; the file itself stays where it is.",
    ),
    Entry(
        "export",
        "knowledge.cli.commands.datasets.sharing:export",
        "Sharing",
        "Write datasets to one file: to share, to back up, or for other tools.",
    ),
    Entry(
        "import",
        "knowledge.cli.commands.datasets.sharing:import_",
        "Sharing",
        "Import the datasets of an exported file.",
    ),
    Entry(
        "serve",
        "knowledge.cli.commands.serving.serve:serve",
        "Serving",
        "Serve the datasets over HTTP: to browsers, OpenAI clients and agents.",
    ),
    Entry(
        "mcp",
        "knowledge.cli.commands.serving.mcp:mcp",
        "Serving",
        "Let an agent ask the datasets, by the Model Context Protocol on stdin and stdout.",
    ),
    Entry(
        "models",
        "knowledge.cli.commands.embedding.models:app",
        "Embedding",
        "List the embedding models, or test one.",
    ),
    Entry(
        "embed",
        "knowledge.cli.commands.embedding.embed:embed",
        "Embedding",
        "Print the vectors of texts as JSON Lines; they have unit length.",
    ),
    Entry(
        "reembed",
        "knowledge.cli.commands.embedding.reembed:reembed",
        "Embedding",
        "Give a dataset another embedding model by embedding its stored texts again.",
    ),
    Entry(
        "cache",
        "knowledge.cli.commands.embedding.cache:app",
        "Embedding",
        "Show or clear the embedding cache, which saves repeated requests.",
    ),
    Entry(
        "config",
        "knowledge.cli.commands.setup.config:show_config",
        "Setup",
        "Show every setting, its value and its origin; secrets are masked.",
    ),
    Entry(
        "trust",
        "knowledge.cli.commands.setup.config:trust",
        "Setup",
        "Trust a folder's .env and knowledge.yaml with endpoints that get your keys.",
    ),
    Entry(
        "flows",
        "knowledge.cli.commands.setup.flows:app",
        "Setup",
        "Flows: files that configure how documents are read and questions answered.",
    ),
    Entry("version", "knowledge.cli.commands.setup.version:version", "Setup", "Print the version."),
    Entry(
        "status",
        "knowledge.cli.commands.upkeep.status:status",
        "Upkeep",
        "Show the state of the data folder: counts, sizes, models, the last runs and their "
        "problems.",
    ),
    Entry(
        "store",
        "knowledge.cli.commands.upkeep.store:store",
        "Upkeep",
        "Show which store keeps the datasets, whether it can be reached, and what it holds.",
    ),
    Entry(
        "history",
        "knowledge.cli.commands.upkeep.status:history",
        "Upkeep",
        "List the runs on a dataset, newest first: when, how they ended, what they changed.",
    ),
    Entry(
        "doctor",
        "knowledge.cli.commands.upkeep.doctor:doctor",
        "Upkeep",
        "Check the data folder: catalog, indexes, cache, leftovers, space, providers, settings.",
    ),
    Entry(
        "compact",
        "knowledge.cli.commands.upkeep.upkeep:compact",
        "Upkeep",
        "Rebuild indexes without deleted vectors, and return empty pages to the disk.",
    ),
    Entry(
        "gc",
        "knowledge.cli.commands.upkeep.upkeep:gc",
        "Upkeep",
        "Remove what is not needed: leftovers of killed runs, old generations, unpacked archives.",
    ),
    Entry(
        "reset",
        "knowledge.cli.commands.upkeep.upkeep:reset",
        "Upkeep",
        "Empty the data folder: remove all datasets, the embedding cache and the backups.",
    ),
)
"""All commands; the help is the first sentence of the function's docstring, which a test holds."""
