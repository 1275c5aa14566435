"""``medkd fit|validate|test --config YAML``: one neural stage through LightningCLI."""

from __future__ import annotations

import argparse

from medkd.parser import Parser


def add_arguments(parser: Parser) -> None:
    """Add ``--config``; every word is LightningCLI's to parse."""
    parser.add_argument("--config", metavar="YAML", help="complete configuration, as a recipe's stage prints it")
    parser.accept_any_words()
    parser.epilog = (
        f"{parser.epilog}\n\nEvery further option goes to LightningCLI; --print_config shows what it understood.\n"
        "validate and test score the model that the fit left, or the checkpoint of --ckpt_path FILE."
    )


def main(namespace: argparse.Namespace) -> int:
    """Run the subcommand.

    Raises:
        InputError: the configuration is missing, is not YAML, or is wrong; or a checkpoint is not one.
    """
    from medkd.pipeline.lightning_cli import run_lightning

    return run_lightning([namespace.command, *namespace.words])
