"""`qhub schema`."""

import typer


def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from qhub.config.schema import schema_text

    typer.echo(schema_text(), nl=False)
