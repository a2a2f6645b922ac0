"""Callbacks: listeners are told what came of a request (contract, section 4).

What they are still to be told stands in a durable outbox.
"""

from tallystick.outbox.deliveries import Outbox
from tallystick.outbox.listeners import deregister, register, retry
from tallystick.outbox.posting import post

__all__ = ["Outbox", "deregister", "post", "register", "retry"]
