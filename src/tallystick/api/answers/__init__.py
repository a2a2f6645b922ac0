"""What things read like in JSON, of calls under /api/v1 and of commands with `--json` alike."""
