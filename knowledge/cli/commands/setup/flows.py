"""``knowledge flows list``, ``show`` and ``validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from knowledge.cli.groups import group
from knowledge.cli.options.declared import Without
from knowledge.cli.options.flags import Argument
from knowledge.cli.options.places import FlowOptions
from knowledge.cli.render.tables import show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Exit, Session
from knowledge.errors import FlowsFileError, UsageError
from knowledge.records import flows as records
from knowledge.text.escaping import cleaned, flat
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.flows.model import Flow, FlowsFile
    from knowledge.flows.source import Problem
    from knowledge.knowledge_base import KnowledgeBase


def list_flows(session: Session, flows: Annotated[FlowOptions, Without("flow")]) -> None:
    """List the flows of the flows file, and the built-in blueprints.

    Example:  knowledge flows list --flows-file flows.yaml
    """
    with session.open(flows) as kb:
        files = [file for file in (kb.flows.file(), *_blueprints(kb)) if file is not None]
    rows = [(file, flow) for file in files for flow in file.flows.values()]
    if session.json:
        session.print_json(records.flows(rows))
        return
    show_table(
        session,
        ("FLOW", "DEFAULT", "FILE", "DOES", "ASKS A MODEL", "DATASETS"),
        [
            (
                flow.name,
                "yes" if flow.default else "no",
                file.source,
                _does(flow),
                ", ".join(flow.model_steps) or "-",
                ", ".join(records.datasets_of(file, flow)) or "-",
            )
            for file, flow in rows
        ],
    )


def show_flow(
    session: Session,
    *,
    flows: Annotated[FlowOptions, Without("flow")],
    name: Annotated[
        str | None,
        Argument(metavar="[NAME]", help="The flow; default: the default flow."),
    ] = None,
) -> None:
    """Show one flow as written in a file, without unset options; keys are masked.

    Example:  knowledge flows show --flows-file blueprint:context
    """
    from knowledge.flows.reading import choose_flow

    with session.open(flows) as kb:
        file = kb.flows.file()
        if file is None:
            raise UsageError(
                "no flows file is named",
                hint="Add --flows-file FILE, or --flows-file blueprint:NAME.",
            )
        flow = choose_flow(file, name or "", ())
    if session.json:
        session.print_json(records.flow(file, flow))
        return
    import yaml

    content = {"flows": {flow.name: flow.shown()}}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    if cleaned(text) != text:  # YAML has escapes of its own for what can't be printed
        text = yaml.safe_dump(content, sort_keys=False)
    write(text)


def validate_flows(
    session: Session,
    file: Annotated[
        str | None,
        Argument(metavar="[FILE]", help="The file, or blueprint:NAME; default: KNOW_FLOWS_FILE."),
    ] = None,
) -> None:
    """Check a flows file: list all errors, with their lines and suggestions.

    Exit codes: 0 valid, 2 invalid.

    Example:  knowledge flows validate flows.yaml
    """
    with session.open() as kb:
        inspected = kb.flows.inspect(file)
    errors, notices = inspected.errors, inspected.file.notices
    if session.json:
        session.print_json(records.validation(inspected))
    else:
        for kind, problems in (("error", errors), ("note", notices)):
            for problem in problems:
                write(_line(inspected.file.source, kind, problem))
        if not errors and not session.quiet:
            flows = counted(len(inspected.file.flows), "flow")
            write(f"{flat(inspected.file.source)}: {flows}, all valid\n")
    if errors:
        raise Exit(FlowsFileError.exit_code)


def _blueprints(kb: KnowledgeBase) -> list[FlowsFile]:
    return [kb.flows.inspect(f"blueprint:{name}").file for name in kb.flows.blueprints()]


def _does(flow: Flow) -> str:
    parts = {"ingest": flow.ingests, "retrieve": flow.retrieval is not None}
    return ", ".join(name for name, does in parts.items() if does)


def _line(source: str, kind: str, problem: Problem) -> str:
    hint = f" {problem.hint}" if problem.hint else ""
    return flat(f"{source}:{problem.line}: {kind}: {problem.message}.{hint}") + "\n"


app = group(
    "flows",
    "Flows: files that configure how documents are read and questions answered.\n\n"
    "Example:  knowledge flows list",
    {"list": list_flows, "show": show_flow, "validate": validate_flows},
)
