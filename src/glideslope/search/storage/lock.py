"""The lock of a run directory: a file, made in one step, that says which process writes there."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from glideslope.documents import checked, sealed, unsealed
from glideslope.errors import DocumentError, RunDirectoryError

_TRIES = 5
_PAUSE = 0.02  # seconds between two looks at a lock


class Owner(msgspec.Struct, forbid_unknown_fields=True):
    """A process, and a random token of the lock that it holds."""

    host: str  # the name of the machine, and its number where it has one
    boot: str  # which start of the machine; "" where that isn't known
    space: str  # the space of process numbers, another in each container
    pid: int  # the number of the process
    started: str  # when it started; numbers of processes come again
    token: str  # of the lock


class Lock:
    """The lock in a file. It needs no service of the file system but hard links or exclusive creation."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._text, self._pid = "", 0

    @property
    def held(self) -> bool:
        """Whether it was acquired here and not released since."""
        return bool(self._text)

    def check_free(self) -> None:
        """Raises unless there is no lock, or that of a process that is no more."""
        if (text := self._read()) is not None and not self._stale(text):
            raise self._refusal(text, "another search writes in {folder} now")

    def acquire(self, patience: float = 0.0) -> None:
        """Takes the lock. Raises a RunDirectoryError if another process, or another search of this one, holds it for
        longer than `patience`, in seconds, or no file can be made there."""
        text, until = sealed(msgspec.to_builtins(this_process())), time.monotonic() + patience
        try:
            for _ in range(_TRIES):
                if self._created(text):
                    self._text, self._pid = text, os.getpid()
                    return
                while (other := self._read()) is not None and not self._stale(other):
                    if time.monotonic() >= until:
                        raise self._refusal(other, "another search began in {folder} meanwhile")
                    time.sleep(_PAUSE)
                if other is not None:
                    self._take_away()
        except OSError as error:
            raise RunDirectoryError(f"{self.file} can't be made: {error.strerror}") from error
        raise RunDirectoryError(f"other searches begin in {self.file.parent}: name another folder with --out")

    @property
    def is_there(self) -> bool:
        """Whether the lock is in its file, as another process sees it that has got this lock's value."""
        try:
            return self.held and self._read() == self._text.encode()
        except RunDirectoryError:
            return False

    def check_held(self) -> None:
        """Raises where the lock isn't in its file any more; for a worker, where another's is there. A worker saves its
        run after an interrupted search has released the lock. Who takes away the lock of a dead process may move a new
        one aside for a moment: so one that isn't there is looked for twice."""
        if (text := self._read()) is None:
            if self._pid != os.getpid():
                return
            time.sleep(_PAUSE)
            text = self._read()
        if text != self._text.encode():
            raise RunDirectoryError(f"{self.file} was deleted or taken over: another search may write there")

    def release(self) -> None:
        """Deletes the file, where this process holds the lock; a fork of it doesn't."""
        if self.held and self._pid == os.getpid():
            with suppress(OSError):
                if self._read() == self._text.encode():
                    self.file.unlink()
        self._text = ""

    def _read(self) -> bytes | None:
        try:
            if not self.file.is_file():
                return None if not os.path.lexists(self.file) else b""
            return self.file.read_bytes()[:10_000]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunDirectoryError(f"{self.file} can't be read: {error.strerror}") from error

    def _created(self, text: str) -> bool:
        """Whether the file could be made, whole and in one step."""
        temporary = self._temporary()
        temporary.write_text(text)
        try:
            os.link(temporary, self.file)
        except (FileExistsError, FileNotFoundError):  # of a link that a network made, the answer may be lost
            return self._read() == text.encode()
        except OSError:  # a file system without hard links
            return self._created_exclusively(text)
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _created_exclusively(self, text: str) -> bool:
        try:
            with self.file.open("x") as file:
                file.write(text)
        except FileExistsError:
            return False
        return True

    def _take_away(self) -> None:
        """Deletes the lock of a process that is no more: of those who try, one moves it away."""
        aside = self._temporary()
        with suppress(FileNotFoundError):
            os.rename(self.file, aside)
            if not self._stale(aside.read_bytes()):  # a new one: someone was faster
                with suppress(FileExistsError):
                    os.link(aside, self.file)
            aside.unlink()

    def _temporary(self) -> Path:
        return self.file.with_name(f".{self.file.name}.{secrets.token_hex(4)}.tmp")

    def _stale(self, text: bytes) -> bool:
        try:
            return is_gone(checked(unsealed(text), Owner))
        except DocumentError:
            return False

    def _refusal(self, text: bytes, who: str) -> RunDirectoryError:
        lead = who.format(folder=self.file.parent)
        try:
            owner = checked(unsealed(text), Owner)
        except DocumentError as error:
            return RunDirectoryError(
                f"{lead}, or {self.file} is damaged ({error}): where none does, delete that file; else wait, or name "
                "another folder with --out"
            )
        return RunDirectoryError(
            f"{lead}: process {owner.pid} on {owner.host.partition(' ')[0]}. Wait, or name another folder with --out; "
            f"where that process is no more, delete {self.file}"
        )


def this_process() -> Owner:
    """This process, with a new token."""
    host = f"{socket.gethostname()} {_line('/etc/machine-id')}".strip()
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    boot = _line("/proc/sys/kernel/random/boot_id")
    return Owner(host, boot, space, os.getpid(), started(os.getpid()) or "", secrets.token_hex(8))


def is_gone(owner: Owner) -> bool:
    """Whether a process has surely ended: of this machine, started before it was, or its number free or taken again."""
    here = this_process()
    if owner.host != here.host:
        return False
    if owner.boot != here.boot:
        return True
    if owner.space != here.space:
        return False
    start = started(owner.pid)
    return start is not None and (start == "" or start != owner.started)


def started(pid: int) -> str | None:
    """When a process of this machine started; "" where there is none, None where that can't be known."""
    if sys.platform == "win32" or not 0 < pid < 2**31:
        return None if sys.platform == "win32" else ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]  # a zombie has ended
    try:
        listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return listed.stdout.strip() or None


def _line(file: str) -> str:
    try:
        return Path(file).read_text(errors="replace").strip()
    except OSError:
        return ""
