"""The command line's table of commands."""

from __future__ import annotations

import typer

from knowledge.cli.lazy import HELP_FLAGS, Entry, LazyGroup

COMMANDS: tuple[Entry, ...] = (
    Entry(
        "ingest",
        "knowledge.cli.ingest:ingest",
        "Documents",
        "Bring a dataset in step with files and folders.",
    ),
    Entry(
        "retrieve",
        "knowledge.cli.retrieve:retrieve",
        "Documents",
        "Print the passages that answer a question, best first, each with its citation.",
    ),
    Entry(
        "askdir",
        "knowledge.cli.askdir:askdir",
        "Documents",
        "Ask a folder: ingest what changed into a dataset of its own, then retrieve.",
    ),
    Entry(
        "list-datasets", "knowledge.cli.datasets:list_datasets", "Datasets", "List the datasets."
    ),
    Entry(
        "create-dataset",
        "knowledge.cli.datasets:create_dataset",
        "Datasets",
        "Create an empty dataset; the first ingest chooses its embedder.",
    ),
    Entry(
        "get-dataset",
        "knowledge.cli.datasets:get_dataset",
        "Datasets",
        "Show a dataset and its files.",
    ),
    Entry(
        "edit-dataset",
        "knowledge.cli.datasets:edit_dataset",
        "Datasets",
        "Change a dataset's metadata.",
    ),
    Entry(
        "delete-dataset",
        "knowledge.cli.datasets:delete_dataset",
        "Datasets",
        "Delete a dataset with all it holds; the documents themselves stay.",
    ),
    Entry("list-files", "knowledge.cli.files:list_files", "Files", "List the files of a dataset."),
    Entry("get-file", "knowledge.cli.files:get_file", "Files", "Show a file that a dataset holds."),
    Entry(
        "delete-file",
        "knowledge.cli.files:delete_file",
        "Files",
        "Remove a file from a dataset; the file itself stays where it is.",
    ),
    Entry(
        "config",
        "knowledge.cli.config:show_config",
        "Setup",
        "Show every setting, its value and where it came from; secrets are masked.",
    ),
    Entry(
        "trust",
        "knowledge.cli.config:trust",
        "Setup",
        "Trust a folder's .env and knowledge.yaml with endpoints that get your keys.",
    ),
    Entry("version", "knowledge.cli.version:version", "Setup", "Print the version."),
)
"""All commands; the help is the first sentence of the function's docstring, which a test holds."""


class Commands(LazyGroup):
    """The commands of the table."""

    entries = COMMANDS


app = typer.Typer(
    cls=Commands,
    name="knowledge",
    help="Ingest documents, retrieve cited passages. Offline, on OpenAI, Azure or your own server."
    "\n\nExample:  knowledge ingest ./docs  &&  knowledge retrieve 'How do I rotate the key?'",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=HELP_FLAGS,
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    show_version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Show the help when no command is named."""
    if show_version:
        from knowledge.cli.version import version_line

        typer.echo(version_line())
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
