"""Options that take one value and get two: the first would be dropped in silence.

Numbers stay as they are everywhere: the last one counts, so that an alias may be overridden.
"""

from __future__ import annotations

from typing import Any, get_args

import typer


def refuse_second_values(parser: Any, context: Any) -> None:
    """Let a parser refuse a text option that is given twice with different values."""
    for option in {**parser._short_opt, **parser._long_opt}.values():
        annotation = option.obj.type_descriptor.annotation
        kinds = get_args(annotation) or (annotation,)
        if option.action == "store" and not {int, float} & set(kinds):
            _refuse(option, context)


def _refuse(option: Any, context: Any) -> None:
    process = type(option).process

    def once(value: Any, state: Any) -> None:
        before = state.opts.get(option.dest, value)
        if before != value:
            flag = (option._long_opts or option._short_opts)[0]
            raise typer.BadParameter(
                f"{flag} takes one value, not {before!r} and {value!r} too", ctx=context
            )
        process(option, value, state)

    option.process = once
