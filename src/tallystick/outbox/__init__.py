"""Callbacks: listeners are told what came of a request, by a durable outbox.

Contract, section 4.
"""

from tallystick.outbox.deliveries import Outbox
from tallystick.outbox.listeners import deregister, register, retry
from tallystick.outbox.posting import post

__all__ = ["Outbox", "deregister", "post", "register", "retry"]
