"""
``pomerium-tx schema``: what needs neither a running proxy nor a network.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any

from pomerium_tx.advice.configuration_page import configuration_page
from pomerium_tx.config.schema import schema


def add_commands(commands: Any) -> None:
    """
    Put the commands beside the others of the program.

    :param commands: What ``add_subparsers`` gave.
    """
    described = commands.add_parser("schema", help="print what config.yaml may contain, as JSON Schema for editors")
    described.add_argument("--markdown", action="store_true", help="print it for people: docs/configuration.md")
    described.set_defaults(run=_schema)


def _schema(chosen: Namespace) -> int:
    if chosen.markdown:
        sys.stdout.write(configuration_page())
    else:
        json.dump(schema(), sys.stdout, indent=2)
        sys.stdout.write("\n")
    return 0
