"""The command line's table of commands."""

from __future__ import annotations

import typer

from knowledge.cli import askdir, config, datasets, files, ingest, retrieve, version
from knowledge.cli.session import command

app = typer.Typer(
    name="knowledge",
    help="Ingest documents, retrieve cited passages. Offline, on OpenAI, Azure or your own server."
    "\n\nExample:  knowledge ingest ./docs  &&  knowledge retrieve 'How do I rotate the key?'",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    show_version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Show the help when no command is named."""
    if show_version:
        typer.echo(version.version_line())
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for name, function, panel in (
    ("ingest", ingest.ingest, "Documents"),
    ("retrieve", retrieve.retrieve, "Documents"),
    ("askdir", askdir.askdir, "Documents"),
    ("list-datasets", datasets.list_datasets, "Datasets"),
    ("create-dataset", datasets.create_dataset, "Datasets"),
    ("get-dataset", datasets.get_dataset, "Datasets"),
    ("edit-dataset", datasets.edit_dataset, "Datasets"),
    ("delete-dataset", datasets.delete_dataset, "Datasets"),
    ("list-files", files.list_files, "Files"),
    ("get-file", files.get_file, "Files"),
    ("delete-file", files.delete_file, "Files"),
    ("config", config.show_config, "Setup"),
    ("trust", config.trust, "Setup"),
    ("version", version.version, "Setup"),
):
    app.command(name, rich_help_panel=panel)(command(function))
