"""Entry point of the program; imports the command line only when it runs."""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit with its code."""
    from knowledge.cli.run import main as run

    code = run()
    import gc

    gc.freeze()  # the process ends: to look through all that it holds for cycles frees nothing
    raise SystemExit(code)


if __name__ == "__main__":
    main()
