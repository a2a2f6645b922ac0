"""Verizon's contract over HTTP, and nothing of ours: see the README beside this file."""
