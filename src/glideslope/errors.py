"""The errors of Glideslope; each is also the built-in error that a caller would expect."""


class GlideslopeError(Exception):
    """The base of every error that Glideslope raises."""


class GlideslopeWarning(UserWarning):
    """What Glideslope warns of."""


class ScheduleError(GlideslopeError, ValueError):
    """A schedule can't be made, parsed or resolved from the values given."""

    column: int | None = None  #: where in the text the problem is, from 0; None where it isn't of a text


class JobError(GlideslopeError, ValueError):
    """A training job can't be loaded, stepped, saved or restored."""


class SearchError(GlideslopeError, ValueError):
    """A range test, race or tune was asked for something it can't do."""


class NothingLearnedError(SearchError):
    """A tune ended no better than it began.

    Attributes:
        tuned: what it found, a `Tuned`.
    """

    def __init__(self, message: str, tuned: object) -> None:
        super().__init__(message)
        self.tuned = tuned


class RunDirectoryError(GlideslopeError, ValueError):
    """A run directory can't be written, or holds something else than was expected."""


class ConversionError(GlideslopeError, ValueError):
    """A schedule of another library can't be read, or one of ours can't be written for it."""


class FeedbackError(GlideslopeError, ValueError):
    """A feedback can't be made, or can't use a measurement."""


class BatchError(GlideslopeError, ValueError):
    """A batch can't grow as asked, or its noise can't be measured."""


class LayerError(GlideslopeError, ValueError):
    """A rate for each layer can't be set: layers are missing, or can't be distinguished."""


class LawError(GlideslopeError, ValueError):
    """A law can't be fitted on the runs given, or was asked for what it can't predict."""


class DivergenceError(GlideslopeError, ArithmeticError):
    """A training was lost again and again, and its guard stopped it; the message is a diagnosis."""


class FrameworkError(GlideslopeError, AttributeError):
    """A framework isn't installed, or set up: `hasattr(glideslope, "lightning")` is False then."""


class DocumentError(GlideslopeError, ValueError):
    """A stored document is damaged, too large or too deep, or isn't of the kind that was expected."""


class FileError(GlideslopeError, OSError):
    """A file can't be written, or the place where it lies can't be reached."""


def reason(error: Exception) -> str:
    """Why a file can't be read, without its name, which a message has already.

    >>> reason(FileNotFoundError(2, "No such file or directory", "law.json"))
    'No such file or directory'
    """
    return getattr(error, "strerror", None) or str(error)
