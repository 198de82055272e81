"""Run directories: searches killed at each file operation, files damaged, two writers, files that no search made."""

from __future__ import annotations

from faults import damaged_files, edited_jobs, interruptions, users_folders, writers
from faults.tally import Kinds

KINDS: Kinds = interruptions.KINDS | damaged_files.KINDS | writers.KINDS | users_folders.KINDS | edited_jobs.KINDS
