"""One file per family of commands; `cli.app` imports each when it is called."""
