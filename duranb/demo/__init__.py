"""The tutorial's stand-in for a model's API, and ``duranb demo``."""

from duranb.demo.process import StandIn, start_standin

__all__ = ["StandIn", "start_standin"]
