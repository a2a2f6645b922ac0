"""Callbacks: listeners that are told what came of a request, from a durable outbox (contract, section 4)."""

from tallystick.callbacks.listeners import deregister, register, retry
from tallystick.callbacks.outbox import Outbox
from tallystick.callbacks.posting import post

__all__ = ["Outbox", "deregister", "post", "register", "retry"]
