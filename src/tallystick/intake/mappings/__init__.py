"""How files from elsewhere are read: mappings, those that come with Tallystick, and names."""

from tallystick.intake.mappings.mapping import ANY, Mapping, checked, plain_name
from tallystick.intake.mappings.presets import (
    mapping_of,
    preset,
    preset_for,
    preset_text,
    presets,
)

__all__ = [
    "ANY",
    "Mapping",
    "checked",
    "mapping_of",
    "plain_name",
    "preset",
    "preset_for",
    "preset_text",
    "presets",
]
