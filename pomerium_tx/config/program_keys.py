"""
Keys about programs: how they get a session of a person.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from pomerium_tx.config import forms, program_forms
from pomerium_tx.config.section import Section

RedirectDomains = Annotated[tuple[str, ...], BeforeValidator(program_forms.redirect_domains)]


class ProgramKeys(Section):
    """
    Programs.
    """

    programmatic_redirect_domain_whitelist: RedirectDomains = ("localhost",)
    """
    Hosts to which a program may have a session handle sent by ``/.pomerium/api/v1/login``: names and addresses that
    must be the same as those of its URL, whatever the port. ``localhost`` stands for every loopback address too. An
    empty list: nowhere.
    """
    programmatic_login: Annotated[Literal["confirm", "now"], BeforeValidator(forms.lower)] = "confirm"
    """
    What a person sees before a program gets their session handle: ``confirm`` asks them, ``now`` hands it out at once,
    as Pomerium does, so that any link that they open can have it sent.
    """
