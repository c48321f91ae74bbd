"""Event files: the append-only trail and its reader."""
