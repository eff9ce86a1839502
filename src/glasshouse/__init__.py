"""Glasshouse: crop intelligence for growers that keeps, and shows, each of its promises."""

__version__ = "0.1.0"
