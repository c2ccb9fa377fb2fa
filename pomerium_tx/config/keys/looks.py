"""
Keys about the looks of our own pages.
"""

from __future__ import annotations

from pomerium_tx.config.section import Colour, ImageUrl, Section, Text


class LookKeys(Section):
    """
    Looks of our own pages.
    """

    primary_color: Colour | None = None
    """
    The colour of buttons, and of links where they can be read in it, as ``#rrggbb``. Unset, ours.
    """
    secondary_color: Colour | None = None
    """
    The colour of what is marked: the focus, the edge of a notice. Unset, ours.
    """
    darkmode_primary_color: Colour | None = None
    """
    The primary colour for people who prefer a dark screen. Unset, that of a light one.
    """
    darkmode_secondary_color: Colour | None = None
    """
    The secondary colour for people who prefer a dark screen. Unset, that of a light one.
    """
    logo_url: ImageUrl | None = None
    """
    An image above the pages: an https URL, or a data URL.
    """
    favicon_url: ImageUrl | None = None
    """
    The icon in a browser's tab: an https URL, or a data URL.
    """
    error_message_first_paragraph: Text = ""
    """
    What every page with an error begins with, as plain text: whom to ask, for instance.
    """
