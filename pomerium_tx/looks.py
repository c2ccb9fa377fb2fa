"""
How our own pages look by a configuration.
"""

from __future__ import annotations

from pomerium_tx.config.model import Config
from pomerium_tx.web.look import Colours, Dress, Look


def dress(config: Config) -> Dress:
    """
    What gives a page its look.
    """
    return Dress(look(config))


def look(config: Config) -> Look:
    """
    Colours, logo and first words.
    """
    return Look(
        light=Colours(primary=config.primary_color, secondary=config.secondary_color),
        dark=Colours(primary=config.darkmode_primary_color, secondary=config.darkmode_secondary_color),
        logo_url=config.logo_url,
        favicon_url=config.favicon_url,
        first_paragraph=config.error_message_first_paragraph,
    )
